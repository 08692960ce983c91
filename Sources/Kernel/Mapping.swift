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
