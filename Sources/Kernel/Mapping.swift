public import KernelABI

/// The calls of mmap(2) and its family on this process's own address space.
public enum Mapping {
  /// Source: mmap(2).
  @discardableResult
  public static func map(
    at address: Address = .zero, byteCount: UInt64, _ protection: Protection, _ flags: MapFlags,
    descriptor: Int32 = -1, offset: UInt64 = 0
  ) throws(Errno) -> Address {
    let raw = try systemCall(
      SyscallNumber.mmap, address.argument, Int(byteCount), Int(protection.rawValue),
      Int(flags.rawValue), Int(descriptor), Int(bitPattern: UInt(offset)))
    return Address(UInt64(UInt(bitPattern: raw)))
  }

  /// Source: munmap(2).
  public static func unmap(_ range: AddressRange) throws(Errno) {
    guard !range.isEmpty else { return }
    try systemCall(SyscallNumber.munmap, range.start.argument, Int(range.byteCount))
  }

  /// Source: mprotect(2).
  public static func protect(_ range: AddressRange, _ protection: Protection) throws(Errno) {
    try systemCall(
      SyscallNumber.mprotect, range.start.argument, Int(range.byteCount), Int(protection.rawValue))
  }

  /// Protects with a memory protection key.
  ///
  /// Source: pkey_mprotect(2).
  public static func protect(
    _ range: AddressRange, _ protection: Protection, key: UInt32
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.pkeyMprotect, range.start.argument, Int(range.byteCount),
      Int(protection.rawValue), Int(key))
  }

  /// The next free memory protection key.
  ///
  /// Source: pkey_alloc(2).
  public static func allocateKey() throws(Errno) -> UInt32 {
    UInt32(truncatingIfNeeded: try systemCall(SyscallNumber.pkeyAlloc, 0, 0))
  }

  /// Source: mlock2(2), MLOCK_ONFAULT.
  public static func lock(_ range: AddressRange, onFault: Bool) throws(Errno) {
    try systemCall(
      SyscallNumber.mlock2, range.start.argument, Int(range.byteCount), onFault ? 1 : 0)
  }

  /// - Parameter flags: MCL_ bits.
  ///
  /// Source: mlockall(2).
  public static func lockAll(_ flags: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.mlockall, Int(flags))
  }

  /// Source: mseal(2), Linux 6.10.
  public static func seal(_ range: AddressRange) throws(Errno) {
    try systemCall(SyscallNumber.mseal, range.start.argument, Int(range.byteCount))
  }

  /// Writes a byte for each page: its lowest bit says whether the page is in memory.
  ///
  /// Source: mincore(2).
  public static func residency(of range: AddressRange, to bytes: Address) throws(Errno) {
    try systemCall(
      SyscallNumber.mincore, range.start.argument, Int(range.byteCount), bytes.argument)
  }

  /// Source: madvise(2); `advice` is one of `Advice`.
  public static func advise(_ range: AddressRange, _ advice: Int) throws(Errno) {
    try systemCall(SyscallNumber.madvise, range.start.argument, Int(range.byteCount), advice)
  }

  /// Moves a mapping to `destination`, replacing what is there.
  ///
  /// Source: mremap(2), MREMAP_MAYMOVE | MREMAP_FIXED.
  public static func move(_ range: AddressRange, to destination: Address) throws(Errno) {
    try systemCall(
      SyscallNumber.mremap, range.start.argument, Int(range.byteCount), Int(range.byteCount), 3,
      destination.argument)
  }
}

/// Advice for madvise(2).
///
/// Source: `include/uapi/asm-generic/mman-common.h`.
public enum Advice {
  public static let normal = 0
  public static let random = 1
  public static let sequential = 2
  public static let dontNeed = 4
  public static let dontFork = 10
  public static let doFork = 11
  public static let mergeable = 12
  public static let hugePage = 14
  public static let noHugePage = 15
  public static let dontDump = 16
  public static let wipeOnFork = 18
  public static let keepOnFork = 19
  public static let populateRead = 22
  public static let populateWrite = 23
  public static let collapse = 25
  public static let guardInstall = 102
}
