public import CKernel
public import KernelABI

/// Waiting for children to change state.
///
/// Source: waitid(2), wait4(2).
public enum Wait {
  public enum Target: Equatable, Sendable, BitwiseCopyable {
    case any
    case process(Int32)

    /// A pidfd.
    case descriptor(Int32)

    /// P_ALL, P_PID and P_PIDFD.
    fileprivate var kind: Int {
      switch self {
      case .any: 0
      case .process: 1
      case .descriptor: 3
      }
    }

    fileprivate var number: Int {
      switch self {
      case .any: 0
      case .process(let number), .descriptor(let number): Int(number)
      }
    }
  }

  public struct Options: FlagSet {
    public let rawValue: Int
    @inline(__always) public init(rawValue: Int) { self.rawValue = rawValue }
    public static let noHang = Options(rawValue: 1)  // WNOHANG
    public static let stopped = Options(rawValue: 2)  // WSTOPPED
    public static let exited = Options(rawValue: 4)  // WEXITED
    public static let continued = Options(rawValue: 8)  // WCONTINUED
    public static let stays = Options(rawValue: 0x0100_0000)  // WNOWAIT
    public static let allThreads = Options(rawValue: 0x4000_0000)  // __WALL
  }

  /// Waits again when a signal interrupts it.
  ///
  /// - Returns: what happened; `pid` is 0 when nothing has, and `noHang` was asked for.
  @discardableResult
  public static func event(
    of target: Target, _ options: Options
  ) throws(Errno) -> ckernel_siginfo {
    var information = ckernel_siginfo()
    try withAddress(of: &information) { (address) throws(Errno) in
      try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.waitid, target.kind, target.number, address.argument, options.rawValue)
      }
    }
    return information
  }

  /// What wait4(2) tells of a child, or of a traced thread.
  public struct Status: BitwiseCopyable {
    /// 0: nothing has happened, and `noHang` was asked for.
    public let identifier: Int32
    public let value: UInt32

    /// Of one that has ended: its exit status, or 128 and the number of the signal.
    ///
    /// Source: wait(2), WIFSIGNALED, WTERMSIG, WEXITSTATUS.
    public var shellStatus: Int32 {
      let signal = Int32(value & 0x7F)
      return signal == 0 ? Int32(value >> 8 & 0xFF) : 128 + signal
    }
  }

  /// Waits again when a signal interrupts it.
  ///
  /// - Parameter child: -1: any.
  @discardableResult
  public static func status(
    of child: Int32, _ options: Options = .none
  ) throws(Errno) -> Status {
    var value: UInt32 = 0
    let identifier = try withAddress(of: &value) { (address) throws(Errno) in
      try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.wait4, Int(child), address.argument, options.rawValue, 0)
      }
    }
    return Status(identifier: Int32(truncatingIfNeeded: identifier), value: value)
  }
}
