public import CKernel
internal import KernelABI

/// Taking blocked signals, in place of handlers.
///
/// Source: rt_sigtimedwait(2).
public enum SignalWait {
  /// Waits for one of `signals`.
  ///
  /// - Parameter milliseconds: how long at most; `nil`: for ever.
  /// - Returns: `nil` when none came in time.
  public static func next(of signals: UInt64, milliseconds: Int? = nil) -> ckernel_siginfo? {
    var signals = signals
    var information = ckernel_siginfo()
    var limit = ckernel_timespec(
      seconds: Int64((milliseconds ?? 0) / 1000),
      nanoseconds: Int64((milliseconds ?? 0) % 1000) * 1_000_000)
    let raw = try? withAddress(of: &signals) { (set) throws(Errno) in
      try withAddress(of: &information) { (out) throws(Errno) in
        try withAddress(of: &limit) { (limit) throws(Errno) in
          try retryingInterrupts { () throws(Errno) in
            try systemCall(
              SyscallNumber.rtSigtimedwait, set.argument, out.argument,
              milliseconds == nil ? 0 : limit.argument, 8)
          }
        }
      }
    }
    return raw == nil ? nil : information
  }

  /// Takes one of `signals`, or waits so long; a signal that is not among them ends the wait too.
  public static func await(_ signals: UInt64, nanoseconds: UInt64) {
    var signals = signals
    var limit = ckernel_timespec(
      seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int64(nanoseconds % 1_000_000_000))
    _ = try? withAddress(of: &signals) { (set) throws(Errno) in
      try withAddress(of: &limit) { (limit) throws(Errno) in
        try systemCall(SyscallNumber.rtSigtimedwait, set.argument, 0, limit.argument, 8)
      }
    }
  }
}
