internal import CKernel
public import KernelABI

/// What the kernel keeps for the calling thread.
///
/// Stopped-world safe: needs a few words of stack, no thread-local storage.
public enum OwnThread {
  /// Source: gettid(2).
  @inline(__always)
  public static var identifier: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.gettid))
  }

  /// Where the thread pointer points.
  ///
  /// Source: arch_prctl(2), ARCH_GET_FS, ARCH_SET_FS.
  public static var fsBase: UInt64 { base(0x1003) }
  public static func setFSBase(_ base: UInt64) throws(Errno) {
    try systemCall(SyscallNumber.archPrctl, 0x1002, Int(bitPattern: UInt(base)))
  }

  /// Source: arch_prctl(2), ARCH_GET_GS, ARCH_SET_GS.
  public static var gsBase: UInt64 { base(0x1004) }
  public static func setGSBase(_ base: UInt64) throws(Errno) {
    try systemCall(SyscallNumber.archPrctl, 0x1001, Int(bitPattern: UInt(base)))
  }

  private static func base(_ operation: Int) -> UInt64 {
    var value: UInt64 = 0
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(SyscallNumber.archPrctl, operation, address.argument)
    }
    return value
  }

  /// The head of the list of held robust futexes, 0: none.
  ///
  /// Source: get_robust_list(2).
  public static var robustList: UInt64 {
    var head: UInt64 = 0
    var byteCount: UInt64 = 0
    _ = try? withAddress(of: &head) { (head) throws(Errno) in
      try withAddress(of: &byteCount) { (size) throws(Errno) in
        try systemCall(SyscallNumber.getRobustList, 0, head.argument, size.argument)
      }
    }
    return head
  }

  /// The only length that the kernel takes, in bytes.
  public static let robustListByteCount: UInt64 = 24

  public static func setRobustList(_ head: UInt64) throws(Errno) {
    try systemCall(
      SyscallNumber.setRobustList, Int(bitPattern: UInt(head)), Int(robustListByteCount))
  }

  /// The word that the kernel clears and wakes when the thread ends, 0: none.
  ///
  /// Source: PR_GET_TID_ADDRESS(2const), set_tid_address(2).
  public static var clearChildTID: UInt64 {
    var value: UInt64 = 0
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try Prctl.call(Prctl.getTIDAddress, address.argument)
    }
    return value
  }

  /// Source: set_tid_address(2).
  public static func setClearChildTID(_ address: UInt64) throws(Errno) {
    try systemCall(SyscallNumber.setTidAddress, Int(bitPattern: UInt(address)))
  }

  /// Source: rseq(2), RSEQ_FLAG_UNREGISTER.
  public static func unregisterRseq(at area: UInt64, byteCount: UInt32, signature: UInt32) {
    _ = rawSystemCall(
      SyscallNumber.rseq, Int(bitPattern: UInt(area)), Int(byteCount), 1, Int(signature))
  }

  /// The raw answer of rseq(2) to registering an area: 0 or a negative errno.
  ///
  /// Source: rseq(2); `kernel/rseq.c`.
  public static func registerRseq(
    at area: UInt64, byteCount: UInt32, signature: UInt32
  ) -> Int {
    rawSystemCall(
      SyscallNumber.rseq, Int(bitPattern: UInt(area)), Int(byteCount), 0, Int(signature))
  }
}
