public import CKernel
public import KernelABI

/// The three interval timers and the POSIX timers of this process.
///
/// Source: setitimer(2), timer_create(2).
public enum Timers {
  /// ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF.
  public static let intervalTimerCount: Int32 = 3

  /// Source: getitimer(2).
  public static func interval(_ which: Int32) throws(Errno) -> ckernel_itimerval {
    var value = ckernel_itimerval()
    try withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(SyscallNumber.getitimer, Int(which), address.argument)
    }
    return value
  }

  /// Source: setitimer(2).
  public static func setInterval(_ which: Int32, _ value: ckernel_itimerval) throws(Errno) {
    var value = value
    try withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(SyscallNumber.setitimer, Int(which), address.argument, 0)
    }
  }

  /// Source: timer_gettime(2).
  public static func value(of identifier: Int32) throws(Errno) -> ckernel_itimerspec {
    var value = ckernel_itimerspec()
    try withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(SyscallNumber.timerGettime, Int(identifier), address.argument)
    }
    return value
  }

  /// Arms a timer, relative to now.
  ///
  /// Source: timer_settime(2).
  public static func setValue(
    _ value: ckernel_itimerspec, of identifier: Int32
  ) throws(Errno) {
    var value = value
    try withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(SyscallNumber.timerSettime, Int(identifier), 0, address.argument, 0)
    }
  }

  /// Makes a timer.
  ///
  /// - Parameter wanted: the id to ask for; the kernel looks at it only in the mode that
  ///   `setRestoresIdentifiers` switches on.
  /// - Returns: its id.
  ///
  /// Source: timer_create(2).
  public static func create(
    clock: Int32, _ event: ckernel_sigevent, wanted: Int32
  ) throws(Errno) -> Int32 {
    var event = event
    var identifier = wanted
    try withAddress(of: &event) { (event) throws(Errno) in
      try withAddress(of: &identifier) { (identifier) throws(Errno) in
        try systemCall(
          SyscallNumber.timerCreate, Int(clock), event.argument, identifier.argument)
      }
    }
    return identifier
  }

  /// Source: timer_delete(2).
  public static func delete(_ identifier: Int32) {
    _ = rawSystemCall(SyscallNumber.timerDelete, Int(identifier))
  }

  /// Lets `create` choose the id.
  ///
  /// - Throws: `Errno.invalid` before Linux 6.16.
  ///
  /// Source: PR_TIMER_CREATE_RESTORE_IDS in `include/uapi/linux/prctl.h`.
  public static func setRestoresIdentifiers(_ on: Bool) throws(Errno) {
    try Prctl.call(Prctl.timerCreateRestoreIDs, on ? 1 : 0)
  }
}
