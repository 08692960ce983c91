internal import Kernel
internal import KernelABI

/// The words of this program's command line.
///
/// Source: proc_pid_cmdline(5): each ends with a NUL.
struct Words {
  private let start: Address
  private let end: Address
  private static let capacity: UInt64 = 8192

  init() throws(Errno) {
    start = try Mapping.map(byteCount: Self.capacity, .read | .write, .private | .anonymous)
    let file = try FileDescriptor("/proc/self/cmdline", .readOnly)
    end = start + (try file.readToEnd(to: start, capacity: Self.capacity - 1))
  }

  /// Where the word of that index starts; the empty word behind the last one.
  func address(of index: Int) -> Address {
    var position = start
    var rest = index
    while rest > 0, position < end {
      if Memory.load(UInt8.self, at: position) == 0 { rest -= 1 }
      position = position + 1
    }
    return position
  }

  /// The word as a decimal number, 0 when it is none.
  func number(at index: Int) -> UInt64 {
    var value: UInt64 = 0
    var position = address(of: index)
    while true {
      let byte = Memory.load(UInt8.self, at: position)
      guard byte != 0 else { return value }
      guard (0x30...0x39).contains(byte) else { return 0 }
      value = value &* 10 &+ UInt64(byte - 0x30)
      position = position + 1
    }
  }
}
