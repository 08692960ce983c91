internal import Kernel
internal import KernelABI

/// Where a thread's restartable-sequences area is.
struct RseqRegistration: BitwiseCopyable {
  var area: UInt64
  var byteCount: UInt32
  var signature: UInt32
}

/// Finds the calling thread's rseq registration, which no call tells.
///
/// Registering again answers EBUSY when area, length and signature are the ones registered, EPERM
/// when only the signature differs, and EINVAL for any other area. So candidates can be asked about
/// without touching their memory. With nothing registered a probe could register for real, hence
/// the first question, with an area in the kernel's half: EFAULT then, EINVAL otherwise.
///
/// Source: `kernel/rseq.c`; measured on Linux 6.18.
enum RseqProbe {
  /// RSEQ_SIG of x86-64, used by every library that registers.
  ///
  /// Source: glibc `sysdeps/unix/sysv/linux/x86/bits/rseq.h`.
  static let signature: UInt32 = 0x5305_3053

  /// The area's length when it was made: struct rseq of Linux 4.18, and what glibc registers.
  static let originalByteCount: UInt32 = 32

  /// `__rseq_offset` of glibc 2.35 and later, until it moved in front of the thread pointer.
  static let usualOffset: Int64 = 2336

  /// Bytes either side of the thread pointer that are searched.
  private static let reach: Int64 = 65536

  private static let unreachableArea: UInt64 = 0xffff_ffff_ffff_ffe0

  /// Stopped-world safe.
  ///
  /// 1 call when nothing is registered, 2 as a rule, 4,100 when all differs.
  ///
  /// - Parameters:
  ///   - hint: the offset from `fsBase` that another thread of the process had, 0: none.
  ///   - featureByteCount: AT_RSEQ_FEATURE_SIZE of the auxiliary vector, 0: not there.
  /// - Returns: `nil` when nothing is registered, or not where or as we look.
  static func find(
    fsBase: UInt64, hint: Int64 = 0, featureByteCount: UInt32 = 0
  ) -> RseqRegistration? {
    guard isRegistered else { return nil }
    if let found = probe(fsBase, usualOffset, originalByteCount) { return found }
    if hint != 0, let found = probe(fsBase, hint, originalByteCount) { return found }
    if let found = scan(fsBase, originalByteCount) { return found }
    let longer = (featureByteCount + 31) & ~31
    return longer > originalByteCount ? scan(fsBase, longer) : nil
  }

  static var isRegistered: Bool {
    OwnThread.registerRseq(
      at: unreachableArea, byteCount: originalByteCount, signature: signature)
      == -Int(Errno.invalid.rawValue)
  }

  private static func scan(_ fsBase: UInt64, _ byteCount: UInt32) -> RseqRegistration? {
    let skew = Int64(bitPattern: fsBase & 31)
    var distance: Int64 = 0
    while distance < reach {
      if let found = probe(fsBase, distance - skew, byteCount) { return found }
      if let found = probe(fsBase, -distance - skew, byteCount) { return found }
      distance += 32
    }
    return nil
  }

  @inline(never)
  private static func probe(
    _ fsBase: UInt64, _ offset: Int64, _ byteCount: UInt32
  ) -> RseqRegistration? {
    let area = fsBase &+ UInt64(bitPattern: offset)
    let answer = OwnThread.registerRseq(at: area, byteCount: byteCount, signature: signature)
    guard answer == -Int(Errno.busy.rawValue) else { return nil }
    return RseqRegistration(area: area, byteCount: byteCount, signature: signature)
  }
}
