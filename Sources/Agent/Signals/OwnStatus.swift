internal import Kernel
internal import KernelABI

/// Lines of the calling thread's own status file, read with little stack.
enum OwnStatus {
  /// SigPnd: signals pending for the thread alone; 0 when /proc does not tell.
  ///
  /// Source: proc_pid_status(5). The file is read in pieces of 128 bytes, which all come from one
  /// moment: the kernel prints the whole at the first read.
  @inline(never)
  static var privatePending: UInt64 {
    guard let file = try? FileDescriptor("/proc/thread-self/status", .readOnly) else { return 0 }
    var buffer = InlineArray<16, UInt64>(repeating: 0)
    var matcher = HexadecimalAfter("SigPnd:\t")
    while !matcher.isDone {
      let number = file.number
      let count = try? withAddress(of: &buffer) { (address) throws(Errno) in
        let count = Int(try Files.read(number, to: address, byteCount: 128))
        matcher.feed(Memory.bytes(at: address, count: count))
        return count
      }
      guard let count, count > 0 else { break }
    }
    return matcher.value
  }
}

/// Finds a label in text that comes in pieces, and reads the hexadecimal number behind it.
struct HexadecimalAfter {
  private let label: StaticString
  private var matched = 0
  private(set) var value: UInt64 = 0
  private(set) var isDone = false

  /// - Parameter label: its first character must not come again in it.
  init(_ label: StaticString) { self.label = label }

  mutating func feed(_ bytes: RawSpan) {
    for index in 0..<bytes.byteCount where !isDone { feed(bytes.byte(at: index)) }
  }

  private mutating func feed(_ byte: UInt8) {
    guard matched == label.utf8CodeUnitCount else {
      let expected = Memory.load(UInt8.self, at: label.address + UInt64(matched))
      let first = Memory.load(UInt8.self, at: label.address)
      matched = byte == expected ? matched + 1 : byte == first ? 1 : 0
      return
    }
    switch byte {
    case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
    case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
    default: isDone = true
    }
  }
}
