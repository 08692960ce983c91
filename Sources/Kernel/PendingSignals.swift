internal import CKernel
public import KernelABI

/// Signals that were sent and not yet delivered.
///
/// Source: sigpending(2), sigwaitinfo(2); `kernel/signal.c`.
public enum PendingSignals {
  /// Those pending for the calling thread or its process, of the ones it blocks.
  ///
  /// A stop handler blocks all, so there it is every one.
  public static var blocked: UInt64 {
    var set: UInt64 = 0
    _ = try? withAddress(of: &set) { (address) throws(Errno) in
      try systemCall(SyscallNumber.rtSigpending, address.argument, 8)
    }
    return set
  }

  /// Takes one signal of `set` off the queues, the calling thread's own first, without waiting.
  ///
  /// - Parameter address: 128 bytes for the siginfo_t.
  /// - Returns: the signal, `nil` when none is pending.
  public static func take(of set: UInt64, to address: Address) -> Int32? {
    var set = set
    var timeout = ckernel_timespec(seconds: 0, nanoseconds: 0)
    let signal = try? withAddress(of: &set) { (set) throws(Errno) in
      try withAddress(of: &timeout) { (timeout) throws(Errno) in
        try systemCall(
          SyscallNumber.rtSigtimedwait, set.argument, address.argument, timeout.argument, 8)
      }
    }
    return signal.map { Int32(truncatingIfNeeded: $0) }
  }

  /// Queues the siginfo_t at `information` to a thread of the caller's own process.
  ///
  /// Source: rt_tgsigqueueinfo(2): to oneself with any `si_code`.
  public static func queue(
    _ signal: Int32, at information: Address, process: Int32, thread: Int32
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.rtTgsigqueueinfo, Int(process), Int(thread), Int(signal),
      information.argument)
  }

  /// Queues the siginfo_t at `information` to the caller's own process.
  ///
  /// Source: rt_sigqueueinfo(2).
  public static func queue(
    _ signal: Int32, at information: Address, process: Int32
  ) throws(Errno) {
    do throws(Errno) {
      try systemCall(
        SyscallNumber.rtSigqueueinfo, Int(process), Int(signal), information.argument)
    } catch {
      guard error == .notPermitted else { throw error }
      // Not the main thread: the kernel takes only what says that it was queued (SI_QUEUE).
      let code = information + 8
      let saved = Memory.load(Int32.self, at: code)
      Memory.store(Int32(-1), at: code)
      defer { Memory.store(saved, at: code) }
      try systemCall(
        SyscallNumber.rtSigqueueinfo, Int(process), Int(signal), information.argument)
    }
  }
}
