public import CKernel
public import KernelABI

/// How the calling thread competes for the processor and the disk.
///
/// Source: sched(7), ioprio_set(2).
public enum Scheduling {
  /// The size of struct sched_attr that we know: SCHED_ATTR_SIZE_VER1.
  private static let attributeByteCount = 56

  /// SCHED_DEADLINE.
  public static let deadlinePolicy: UInt32 = 6

  /// The flags of `sched_attr` that are a state of the thread and no part of a request:
  /// SCHED_FLAG_RESET_ON_FORK | RECLAIM | DL_OVERRUN.
  public static let lastingFlags: UInt64 = 7

  /// Source: sched_getattr(2).
  public static func attributes() throws(Errno) -> ckernel_sched_attr {
    var attributes = ckernel_sched_attr()
    try withAddress(of: &attributes) { (address) throws(Errno) in
      try systemCall(SyscallNumber.schedGetattr, 0, address.argument, attributeByteCount, 0)
    }
    return attributes
  }

  /// Source: sched_setattr(2).
  public static func setAttributes(_ attributes: ckernel_sched_attr) throws(Errno) {
    var attributes = attributes
    attributes.size = UInt32(attributeByteCount)
    try withAddress(of: &attributes) { (address) throws(Errno) in
      try systemCall(SyscallNumber.schedSetattr, 0, address.argument, 0)
    }
  }

  /// -20...19, also under policies that don't use it.
  ///
  /// Source: getpriority(2), NOTES: the kernel answers 20 minus the value.
  public static var nice: Int32 {
    20 - Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getpriority, 0, 0))
  }

  public static func setNice(_ nice: Int32) throws(Errno) {
    try systemCall(SyscallNumber.setpriority, 0, 0, Int(nice))
  }

  /// Class and level in one number, 0: not set.
  ///
  /// Source: ioprio_get(2), IOPRIO_WHO_PROCESS.
  public static var ioPriority: UInt32 {
    UInt32(truncatingIfNeeded: max(0, rawSystemCall(SyscallNumber.ioprioGet, 1, 0)))
  }

  public static func setIOPriority(_ priority: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.ioprioSet, 1, 0, Int(priority))
  }

  /// Writes the set of allowed CPUs of a thread, a bit each.
  ///
  /// - Parameter thread: a TID; 0: the caller.
  /// - Returns: bytes written.
  ///
  /// Source: sched_getaffinity(2), C library/kernel differences.
  public static func affinity(
    of thread: Int32, to address: Address, capacity: UInt64
  ) throws(Errno) -> UInt64 {
    UInt64(
      try systemCall(
        SyscallNumber.schedGetaffinity, Int(thread), Int(capacity), address.argument))
  }

  /// - Parameter thread: a TID; 0: the caller.
  public static func setAffinity(
    of thread: Int32 = 0, at address: Address, byteCount: UInt64
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.schedSetaffinity, Int(thread), Int(byteCount), address.argument)
  }

  /// Lets others run.
  ///
  /// Source: sched_yield(2).
  public static func yield() { _ = rawSystemCall(SyscallNumber.schedYield) }

  /// Sleeps; a signal ends it early.
  ///
  /// Source: poll(2) of nothing.
  public static func sleep(milliseconds: Int) {
    _ = rawSystemCall(SyscallNumber.poll, 0, 0, milliseconds)
  }

  /// On how many processors the calling thread may run, at least 1.
  ///
  /// Source: sched_getaffinity(2).
  public static var allowedProcessorCount: Int {
    var set = InlineArray<128, UInt64>(repeating: 0)
    _ = try? withAddress(of: &set) { (address) throws(Errno) in
      try systemCall(SyscallNumber.schedGetaffinity, 0, 1024, address.argument)
    }
    var count = 0
    for index in set.indices { count += set[index].nonzeroBitCount }
    return max(1, count)
  }
}
