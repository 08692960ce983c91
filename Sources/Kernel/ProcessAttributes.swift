public import CKernel
public import KernelABI

/// Attributes of this process that single calls get and set.
public enum ProcessAttributes {
  /// RLIM_NLIMITS.
  public static let limitCount = 16

  /// Source: getrlimit(2), prlimit64.
  public static func limit(_ resource: Int) throws(Errno) -> ckernel_rlimit {
    var limit = ckernel_rlimit()
    try withAddress(of: &limit) { (address) throws(Errno) in
      try systemCall(SyscallNumber.prlimit64, 0, resource, 0, address.argument)
    }
    return limit
  }

  public static func setLimit(_ resource: Int, _ limit: ckernel_rlimit) throws(Errno) {
    var limit = limit
    try withAddress(of: &limit) { (address) throws(Errno) in
      try systemCall(SyscallNumber.prlimit64, 0, resource, address.argument, 0)
    }
  }

  /// Of the calling thread, inherited by those it makes.
  ///
  /// Source: personality(2).
  public static var personality: UInt32 {
    UInt32(truncatingIfNeeded: rawSystemCall(SyscallNumber.personality, 0xffff_ffff))
  }

  public static func setPersonality(_ personality: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.personality, Int(personality))
  }

  /// The file mode creation mask, read by setting it twice.
  ///
  /// Source: umask(2).
  public static var umask: UInt32 {
    let mask = rawSystemCall(SyscallNumber.umask, 0)
    _ = rawSystemCall(SyscallNumber.umask, mask)
    return UInt32(truncatingIfNeeded: mask)
  }

  /// Source: umask(2).
  public static func setUmask(_ mask: UInt32) { _ = rawSystemCall(SyscallNumber.umask, Int(mask)) }

  /// The end of the heap.
  ///
  /// Source: brk(2), C library/kernel differences.
  public static var programBreak: UInt64 {
    UInt64(bitPattern: Int64(rawSystemCall(SyscallNumber.brk, 0)))
  }

  public static var parent: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getppid))
  }

  public static var group: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getpgid, 0))
  }

  public static var session: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getsid, 0))
  }

  /// Tells the kernel where program, heap, arguments and environment lie.
  ///
  /// - Throws: `Errno.busy` when `exe_fd` is given and a mapping of the old executable is left.
  ///
  /// Source: PR_SET_MM_MAP(2const).
  public static func setMemoryMap(_ map: ckernel_mm_map) throws(Errno) {
    var map = map
    try withAddress(of: &map) { (address) throws(Errno) in
      _ = try Prctl.call(
        Prctl.setMemoryMap, Prctl.memoryMap, address.argument,
        MemoryLayout<ckernel_mm_map>.size)
    }
  }

  /// The target of a symbolic link, not NUL-terminated.
  ///
  /// - Returns: its length in bytes.
  ///
  /// Source: readlink(2).
  public static func readLink(
    _ path: StaticString, to address: Address, capacity: Int
  ) throws(Errno) -> Int {
    try systemCall(
      SyscallNumber.readlink, path.address.argument, address.argument, capacity)
  }
}
