internal import CKernel
public import KernelABI

/// Write protection that the kernel itself lifts and notes: userfaultfd(2) in its asynchronous mode.
///
/// Nobody reads events from the descriptor: a write to a protected page goes on at once, and
/// `PageScan` finds the page as written. Closing the last number of the open file description lifts
/// the protection everywhere. A forked child inherits the number, but its memory isn't protected,
/// and what it does with the number happens to its parent's.
///
/// Source: `Documentation/admin-guide/mm/userfaultfd.rst`, `include/uapi/linux/userfaultfd.h`.
public enum Userfaultfd {
  /// UFFD_FEATURE_WP_ASYNC (Linux 6.7), UFFD_FEATURE_WP_UNPOPULATED (6.4) and
  /// UFFD_FEATURE_WP_HUGETLBFS_SHMEM (5.19).
  public static let features: UInt64 = 1 << 15 | 1 << 13 | 1 << 12

  /// UFFD_API.
  private static let version: UInt64 = 0xAA

  /// UFFD_USER_MODE_ONLY: what any user may have.
  private static let userModeOnly = 1

  /// UFFDIO_REGISTER_MODE_WP, UFFDIO_WRITEPROTECT_MODE_WP.
  private static let registerForWriteProtection: UInt64 = 2
  private static let writeProtected: UInt64 = 1

  /// Opens one for the calling process's memory; close-on-exec.
  ///
  /// - Throws: `invalid` when the kernel lacks a feature, `notPermitted` or `notImplemented` when it
  ///   gives none at all.
  public static func open() throws(Errno) -> FileDescriptor {
    let flags = Int((OpenFlags.closeOnExec | .nonBlocking).rawValue) | userModeOnly
    let file = FileDescriptor(
      adopting: Int32(truncatingIfNeeded: try systemCall(SyscallNumber.userfaultfd, flags)))
    var api = ckernel_uffdio_api(api: version, features: features, ioctls: 0)
    let number = file.number
    try withAddress(of: &api) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0xC018_AA3F, address.argument)
    }
    return file
  }

  /// Makes pages of the range protectable; none is protected yet.
  ///
  /// - Throws: `busy` when another userfaultfd has part of it, `invalid` for memory that can't be
  ///   protected or has holes.
  public static func register(_ number: Int32, _ range: AddressRange) throws(Errno) {
    var argument = ckernel_uffdio_register(
      range: ckernel_uffdio_range(start: range.start.rawValue, len: range.byteCount),
      mode: registerForWriteProtection, ioctls: 0)
    try withAddress(of: &argument) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0xC020_AA00, address.argument)
    }
  }

  /// Takes `register` back, and the protection with it.
  public static func unregister(_ number: Int32, _ range: AddressRange) throws(Errno) {
    var argument = ckernel_uffdio_range(start: range.start.rawValue, len: range.byteCount)
    try withAddress(of: &argument) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x8010_AA01, address.argument)
    }
  }

  /// Protects every page of the range, or lifts the protection of every page.
  ///
  /// To protect only what is there, `PageScan` is cheaper.
  ///
  /// - Throws: `noSuchFile` when part of the range isn't registered.
  public static func setProtected(
    _ number: Int32, _ range: AddressRange, _ isProtected: Bool
  ) throws(Errno) {
    var argument = ckernel_uffdio_writeprotect(
      range: ckernel_uffdio_range(start: range.start.rawValue, len: range.byteCount),
      mode: isProtected ? writeProtected : 0)
    try withAddress(of: &argument) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0xC018_AA06, address.argument)
    }
  }
}
