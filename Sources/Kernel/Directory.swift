public import KernelABI

/// Walks over the entries of a directory whose names are numbers: /proc/PID/task, /proc/PID/fd.
///
/// Source: getdents64(2); `include/linux/dirent.h`, struct linux_dirent64.
public struct NumberedEntries: ~Copyable {
  let directory: FileDescriptor
  private var buffer = InlineArray<512, UInt64>(repeating: 0)
  private var position = 0
  private var filled = 0

  public init(_ path: StaticString) throws(Errno) {
    directory = try FileDescriptor(path, .readOnly | .directory)
  }

  /// The descriptor that the walk itself uses, for those who list descriptors.
  public var descriptorNumber: Int32 { directory.number }

  /// The next entry that is a number, `nil` at the end.
  public mutating func next() throws(Errno) -> Int32? {
    while true {
      if position >= filled {
        let number = directory.number
        filled = try withAddress(of: &buffer) { (address) throws(Errno) in
          try systemCall(SyscallNumber.getdents64, Int(number), address.argument, 4096)
        }
        position = 0
        guard filled > 0 else { return nil }
      }
      let start = position
      let (length, number) = try withAddress(of: &buffer) { (address) throws(Errno) in
        let entry = address + UInt64(start)
        return (Memory.load(UInt16.self, at: entry + 16), Self.number(at: entry + 19))
      }
      guard length > 0 else { return nil }
      position += Int(length)
      if let number { return number }
    }
  }

  /// The decimal number in the NUL-terminated text at `address`.
  private static func number(at address: Address) -> Int32? {
    var value: Int32 = 0
    var offset: UInt64 = 0
    while true {
      let byte = Memory.load(UInt8.self, at: address + offset)
      if byte == 0 { return offset > 0 ? value : nil }
      guard byte >= 0x30, byte <= 0x39, offset < 10 else { return nil }
      value = value &* 10 &+ Int32(byte - 0x30)
      offset += 1
    }
  }
}
