internal import CKernel
internal import Kernel
internal import KernelABI

/// A child's change of state.
enum ChildEvent: Equatable, BitwiseCopyable {
  case exited(status: Int32)
  case killed(signal: Int32)
  case stopped(signal: Int32)
  case continued

  /// - Parameters:
  ///   - code: `si_code`, CLD_.
  ///   - status: `si_status`.
  ///
  /// Source: waitid(2).
  init?(code: Int32, status: Int32) {
    switch code {
    case 1: self = .exited(status: status)
    case 2, 3: self = .killed(signal: status)
    case 5: self = .stopped(signal: status)
    case 6: self = .continued
    default: return nil
    }
  }
}

enum ChildProcess {
  private static let any = 0  // P_ALL
  private static let one = 1  // P_PID
  private static let noHang = 1  // WNOHANG
  private static let stopped = 2  // WSTOPPED
  private static let exited = 4  // WEXITED
  private static let continued = 8  // WCONTINUED

  /// How often a call that has to succeed is made.
  private static let attempts = 3

  /// What has happened to `pid` and wasn't told yet.
  ///
  /// Source: waitid(2).
  static func nextEvent(of pid: Int32) -> ChildEvent? {
    var information = ckernel_siginfo()
    // A word that is missed here is told once: nobody would signal again.
    for _ in 0..<attempts {
      let raw = try? withAddress(of: &information) { (address) throws(Errno) in
        try systemCall(
          SyscallNumber.waitid, one, Int(pid), address.argument,
          noHang | stopped | exited | continued)
      }
      if raw != nil { break }
    }
    guard information.pid == pid else { return nil }
    return ChildEvent(
      code: information.code, status: Int32(truncatingIfNeeded: information.value))
  }

  /// Waits for a child to end; what goes wrong counts as a good end.
  static func awaitEvent(of pid: Int32) -> ChildEvent {
    var information = ckernel_siginfo()
    _ = try? withAddress(of: &information) { (address) throws(Errno) in
      try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.waitid, one, Int(pid), address.argument, exited)
      }
    }
    guard information.pid == pid else { return .exited(status: 0) }
    return ChildEvent(
      code: information.code, status: Int32(truncatingIfNeeded: information.value))
      ?? .exited(status: 0)
  }

  /// Waits for a child that is about to end.
  static func reap(_ pid: Int32) {
    _ = try? retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.waitid, one, Int(pid), 0, exited)
    }
  }

  /// Waits for a child that is about to end, and for those before that it may wait for.
  static func reapUntil(_ pid: Int32) {
    while true {
      var information = ckernel_siginfo()
      let raw = try? withAddress(of: &information) { (address) throws(Errno) in
        try retryingInterrupts { () throws(Errno) in
          try systemCall(SyscallNumber.waitid, any, 0, address.argument, exited)
        }
      }
      if raw == nil || information.pid == pid { return }
    }
  }

  /// Waits for some child to end.
  static func reapAny() {
    _ = try? retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.waitid, any, 0, 0, exited)
    }
  }

  /// Reaps every child that has ended.
  static func reapAll() {
    while true {
      var information = ckernel_siginfo()
      let raw = try? withAddress(of: &information) { (address) throws(Errno) in
        try systemCall(SyscallNumber.waitid, any, 0, address.argument, noHang | exited)
      }
      if raw == nil || information.pid == 0 { return }
    }
  }
}
