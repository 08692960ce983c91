public import KernelABI

/// Walks over the names in a directory, in the order that the kernel has them.
///
/// Source: getdents64(2); `include/linux/dirent.h`, struct linux_dirent64.
public struct DirectoryNames: ~Copyable {
  private let directory: FileDescriptor
  private let buffer: Address
  private var position = 0
  private var filled = 0

  /// Bytes that are read at a time.
  public static let bufferByteCount: UInt64 = 32 << 10

  /// - Parameters:
  ///   - path: NUL-terminated.
  ///   - buffer: `bufferByteCount` bytes, which the walk uses until it is gone.
  public init(path: Address, buffer: Address) throws(Errno) {
    directory = try FileDescriptor(path: path, .readOnly | .directory)
    self.buffer = buffer
  }

  public var descriptorNumber: Int32 { directory.number }

  /// The next name, NUL-terminated and good until the next call; `nil` at the end.
  public mutating func next() throws(Errno) -> (address: Address, byteCount: UInt64)? {
    if position >= filled {
      filled = try Files.entries(
        of: directory.number, to: buffer, capacity: Int(Self.bufferByteCount))
      position = 0
      guard filled > 0 else { return nil }
    }
    let entry = buffer + UInt64(position)
    let length = Memory.load(UInt16.self, at: entry + 16)
    guard length > 0 else { return nil }
    position += Int(length)
    var count: UInt64 = 0
    while Memory.load(UInt8.self, at: entry + 19 + count) != 0 { count += 1 }
    return (entry + 19, count)
  }
}
