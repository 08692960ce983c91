public import KernelABI

/// The names of kernel and machine.
///
/// Source: uname(2); `include/uapi/linux/utsname.h`, struct new_utsname: six texts of 65 bytes.
public struct SystemName {
  private var fields = InlineArray<50, UInt64>(repeating: 0)

  public enum Field: UInt64, Sendable {
    case host = 1
    case release = 2
  }

  public init() throws(Errno) {
    try withAddress(of: &fields) { (address) throws(Errno) in
      try systemCall(SyscallNumber.uname, address.argument)
    }
  }

  /// Runs `body` with where the text lies and how many bytes it has.
  public mutating func with<R>(
    _ field: Field, _ body: (Address, Int) throws(Errno) -> R
  ) throws(Errno) -> R {
    try withAddress(of: &fields) { (address) throws(Errno) in
      let start = address + field.rawValue * 65
      var count = 0
      while count < 65, Memory.load(UInt8.self, at: start + UInt64(count)) != 0 { count += 1 }
      return try body(start, count)
    }
  }
}
