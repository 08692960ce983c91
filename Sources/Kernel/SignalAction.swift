public import CKernel
public import KernelABI

/// Signal numbers and dispositions.
///
/// Source: signal(7), rt_sigaction(2); `include/uapi/asm/signal.h`.
public enum Signal {
  public static let hangUp: Int32 = 1
  public static let interrupt: Int32 = 2
  public static let quit: Int32 = 3
  public static let bus: Int32 = 7
  public static let kill: Int32 = 9
  public static let segmentation: Int32 = 11
  public static let user2: Int32 = 12
  public static let pipe: Int32 = 13
  public static let terminate: Int32 = 15
  public static let child: Int32 = 17
  public static let `continue`: Int32 = 18
  public static let stop: Int32 = 19
  public static let terminalStop: Int32 = 20
  public static let terminalInput: Int32 = 21
  public static let terminalOutput: Int32 = 22
  public static let count: Int32 = 64

  /// `si_code` of what the kernel sends by itself: Ctrl+C, a window's new size, a hangup.
  public static let fromKernel: Int32 = 0x80

  /// SA_ONSTACK.
  public static let onAlternateStack: UInt64 = 0x0800_0000

  /// `si_code` of sigqueue(3).
  public static let queued: Int32 = -1

  /// `si_code` of a POSIX timer.
  public static let timer: Int32 = -2

  /// SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_RESTORER.
  public static let handlerFlags: UInt64 = 0x4 | 0x1000_0000 | 0x0800_0000 | 0x0400_0000

  public static let ignoreFlag: UInt64 = 1  // SIG_IGN

  /// The bit of `signal` in a signal set.
  @inline(__always) public static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

  /// The current action.
  public static func action(of signal: Int32) throws(Errno) -> ckernel_sigaction {
    var action = ckernel_sigaction()
    try withAddress(of: &action) { (address) throws(Errno) in
      try systemCall(SyscallNumber.rtSigaction, Int(signal), 0, address.argument, 8)
    }
    return action
  }

  /// Source: rt_sigaction(2).
  public static func setAction(_ action: ckernel_sigaction, of signal: Int32) throws(Errno) {
    var action = action
    try withAddress(of: &action) { (address) throws(Errno) in
      try systemCall(SyscallNumber.rtSigaction, Int(signal), address.argument, 0, 8)
    }
  }

  /// SIG_IGN.
  public static func ignore(_ signal: Int32) throws(Errno) {
    var action = ckernel_sigaction()
    action.handler = ignoreFlag
    try setAction(action, of: signal)
  }

  /// Adds to the calling thread's mask.
  ///
  /// - Returns: the mask before.
  ///
  /// Source: rt_sigprocmask(2), SIG_BLOCK.
  @discardableResult
  public static func block(_ signals: UInt64) -> UInt64 {
    var signals = signals
    var before: UInt64 = 0
    _ = try? withAddress(of: &signals) { (new) throws(Errno) in
      try withAddress(of: &before) { (old) throws(Errno) in
        try systemCall(SyscallNumber.rtSigprocmask, 0, new.argument, old.argument, 8)
      }
    }
    return before
  }

  /// Sets the calling thread's mask.
  ///
  /// - Returns: the mask before.
  ///
  /// Source: rt_sigprocmask(2).
  @discardableResult
  public static func setMask(_ mask: UInt64) -> UInt64 {
    var mask = mask
    var before: UInt64 = 0
    _ = try? withAddress(of: &mask) { (new) throws(Errno) in
      try withAddress(of: &before) { (old) throws(Errno) in
        try systemCall(SyscallNumber.rtSigprocmask, 2, new.argument, old.argument, 8)
      }
    }
    return before
  }

  /// Queues `information` to one thread of a process.
  ///
  /// Source: rt_tgsigqueueinfo(2).
  public static func queue(
    _ information: ckernel_siginfo, process: Int32, thread: Int32, signal: Int32
  ) throws(Errno) {
    var information = information
    try withAddress(of: &information) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.rtTgsigqueueinfo, Int(process), Int(thread), Int(signal), address.argument)
    }
  }

  /// Queues `information` to a process.
  ///
  /// Source: rt_sigqueueinfo(2).
  public static func queue(
    _ information: ckernel_siginfo, process: Int32, signal: Int32
  ) throws(Errno) {
    var information = information
    try withAddress(of: &information) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.rtSigqueueinfo, Int(process), Int(signal), address.argument)
    }
  }
}
