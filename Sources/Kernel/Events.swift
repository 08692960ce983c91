internal import CKernel
public import KernelABI

/// Descriptors that stand for events: eventfd, epoll, timerfd, signalfd, inotify, pidfd.
///
/// All are made close-on-exec.
public enum Events {
  /// Source: eventfd(2).
  public static func makeCounter(_ initial: UInt32, semaphore: Bool) throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.eventfd2, Int(initial), closeOnExec | (semaphore ? 1 : 0))
  }

  /// Source: epoll_create1(2).
  public static func makeEpoll() throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.epollCreate1, closeOnExec)
  }

  /// Source: epoll_ctl(2), EPOLL_CTL_ADD.
  public static func add(
    _ number: Int32, to epoll: Int32, events: UInt32, data: UInt64
  ) throws(Errno) {
    // struct epoll_event is packed on x86-64: 32 bits of events, then 64 of data.
    var event = (events, UInt32(truncatingIfNeeded: data), UInt32(truncatingIfNeeded: data >> 32))
    try withAddress(of: &event) { (address) throws(Errno) in
      try systemCall(SyscallNumber.epollCtl, Int(epoll), 1, Int(number), address.argument)
    }
  }

  /// Source: timerfd_create(2).
  public static func makeTimer(clock: Int32) throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.timerfdCreate, Int(clock), closeOnExec)
  }

  /// Times in ns.
  ///
  /// Source: timerfd_settime(2).
  public static func setTimer(
    _ number: Int32, flags: UInt32, value: UInt64, interval: UInt64
  ) throws(Errno) {
    var setting = ckernel_itimerspec(interval: split(interval), value: split(value))
    try withAddress(of: &setting) { (address) throws(Errno) in
      try systemCall(SyscallNumber.timerfdSettime, Int(number), Int(flags), address.argument)
    }
  }

  /// Has the kernel count the expirations of a periodic timer up to now.
  ///
  /// Source: timerfd_gettime(2); `fs/timerfd.c`, do_timerfd_gettime.
  public static func touchTimer(_ number: Int32) throws(Errno) {
    var setting = ckernel_itimerspec()
    try withAddress(of: &setting) { (address) throws(Errno) in
      try systemCall(SyscallNumber.timerfdGettime, Int(number), address.argument)
    }
  }

  /// Gives a timer expirations that were not read yet.
  ///
  /// Source: timerfd_create(2), TFD_IOC_SET_TICKS; needs CONFIG_CHECKPOINT_RESTORE.
  public static func setTicks(_ number: Int32, _ ticks: UInt64) throws(Errno) {
    var ticks = ticks
    try withAddress(of: &ticks) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x4008_5400, address.argument)
    }
  }

  /// Source: signalfd(2).
  public static func makeSignalReader(mask: UInt64) throws(Errno) -> Int32 {
    var mask = mask
    return try withAddress(of: &mask) { (address) throws(Errno) in
      try descriptor(SyscallNumber.signalfd4, -1, address.argument, 8, closeOnExec)
    }
  }

  /// Source: inotify_init1(2).
  public static func makeWatcher() throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.inotifyInit1, closeOnExec)
  }

  /// Says which identifier the next watch gets.
  ///
  /// Source: `include/uapi/linux/inotify.h`, INOTIFY_IOC_SETNEXTWD.
  public static func setNextWatch(_ number: Int32, _ identifier: Int32) throws(Errno) {
    try systemCall(SyscallNumber.ioctl, Int(number), 0x4004_4900, Int(identifier))
  }

  /// Source: inotify_add_watch(2).
  public static func watch(_ path: Address, by number: Int32, mask: UInt32) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try systemCall(
        SyscallNumber.inotifyAddWatch, Int(number), path.argument, Int(mask)))
  }

  /// Source: pidfd_open(2).
  public static func openProcess(_ process: Int32) throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.pidfdOpen, Int(process))
  }

  /// What another process has under a number, as a descriptor of this one.
  ///
  /// - Parameter process: a pidfd.
  ///
  /// Source: pidfd_getfd(2).
  public static func descriptor(_ number: Int32, of process: Int32) throws(Errno) -> Int32 {
    try descriptor(SyscallNumber.pidfdGetfd, Int(process), Int(number))
  }

  private static let closeOnExec = Int(OpenFlags.closeOnExec.rawValue)

  private static func split(_ time: UInt64) -> ckernel_timespec {
    ckernel_timespec(
      seconds: Int64(time / 1_000_000_000), nanoseconds: Int64(time % 1_000_000_000))
  }

  private static func descriptor(
    _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0
  ) throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try systemCall(number, a, b, c, d))
  }
}
