internal import Kernel
internal import KernelABI

/// A path put together on the stack, for the calls that want a NUL behind it.
struct PathBuffer {
  /// PATH_MAX of `include/uapi/linux/limits.h`, its NUL included.
  static let capacity = 4096

  private var storage = InlineArray<4096, UInt8>(repeating: 0)
  private(set) var byteCount = 0

  init() {}

  /// - Throws: `Errno.nameTooLong`.
  mutating func append(from address: Address, byteCount count: Int) throws(Errno) {
    guard count < Self.capacity - byteCount else { throw .nameTooLong }
    let bytes = Memory.bytes(at: address, count: count)
    for index in 0..<count { storage[byteCount + index] = bytes.byte(at: index) }
    byteCount += count
    storage[byteCount] = 0
  }

  mutating func append(_ text: ByteString) throws(Errno) {
    try append(from: text.address, byteCount: text.byteCount)
  }

  /// The path's address, good during `body`.
  @discardableResult
  mutating func withPath<R>(_ body: (Address) throws(Errno) -> R) throws(Errno) -> R {
    try withAddress(of: &storage, body)
  }
}
