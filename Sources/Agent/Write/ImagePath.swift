internal import CImage
internal import Kernel
internal import KernelABI

/// A path in the agent's scratch memory, NUL-terminated.
struct ImagePath: BitwiseCopyable {
  /// PATH_MAX of `include/uapi/linux/limits.h`, with the NUL.
  static let capacity: UInt64 = 4096

  let address: Address
  private(set) var byteCount: UInt64 = 0

  init(in arena: inout Arena) throws(Errno) {
    address = try arena.reserve(Self.capacity)
    Memory.store(UInt8(0), at: address)
  }

  mutating func append(_ byte: UInt8) throws(Errno) {
    guard byteCount + 1 < Self.capacity else { throw .nameTooLong }
    Memory.store(byte, at: address + byteCount)
    byteCount += 1
    Memory.store(UInt8(0), at: address + byteCount)
  }

  mutating func append(from source: Address, byteCount count: UInt64) throws(Errno) {
    for offset in 0..<count { try append(Memory.load(UInt8.self, at: source + offset)) }
  }

  /// Puts other bytes in place of all from `offset` on.
  ///
  /// - Precondition: `offset` is at most `byteCount`.
  mutating func replace(
    from offset: UInt64, with source: Address, byteCount count: UInt64
  ) throws(Errno) {
    byteCount = offset
    Memory.store(UInt8(0), at: address + offset)
    try append(from: source, byteCount: count)
  }

  mutating func append(_ text: StaticString) throws(Errno) {
    try append(from: text.address, byteCount: UInt64(text.utf8CodeUnitCount))
  }

  mutating func append(decimal value: UInt64) throws(Errno) {
    if value >= 10 { try append(decimal: value / 10) }
    try append(0x30 + UInt8(truncatingIfNeeded: value % 10))
  }

  /// The last component: what follows the last `/`.
  var nameAddress: Address { address + directoryByteCount }
  var nameByteCount: UInt64 { byteCount - directoryByteCount }

  /// Cuts off all but the first bytes.
  mutating func truncate(to count: UInt64) {
    guard count < byteCount else { return }
    byteCount = count
    Memory.store(UInt8(0), at: address + count)
  }

  /// Bytes up to and with the last `/`, 0 when there is none.
  var directoryByteCount: UInt64 {
    var offset = byteCount
    while offset > 0 {
      if Memory.load(UInt8.self, at: address + (offset - 1)) == 0x2F { return offset }
      offset -= 1
    }
    return 0
  }
}
