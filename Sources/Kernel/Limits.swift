public import KernelABI

/// Resource limits of this process.
public struct ResourceLimit: BitwiseCopyable {
  public var current: UInt64
  public var maximum: UInt64

  /// RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_AS.
  public static let core = 4
  public static let openFiles = 7
  public static let addressSpace = 9

  public init(current: UInt64, maximum: UInt64) {
    self.current = current
    self.maximum = maximum
  }

  /// Source: prlimit(2).
  public init(_ resource: Int) throws(Errno) {
    var limit = (UInt64(0), UInt64(0))
    try withAddress(of: &limit) { (address) throws(Errno) in
      try systemCall(SyscallNumber.prlimit64, 0, resource, 0, address.argument)
    }
    current = limit.0
    maximum = limit.1
  }

  /// Source: prlimit(2).
  public func set(_ resource: Int) throws(Errno) {
    var limit = (current, maximum)
    try withAddress(of: &limit) { (address) throws(Errno) in
      try systemCall(SyscallNumber.prlimit64, 0, resource, address.argument, 0)
    }
  }
}
