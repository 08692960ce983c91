public import KernelABI

/// Three ids of a kind, and the one for files.
public struct IDs: Equatable, Sendable, BitwiseCopyable {
  public var real: UInt32
  public var effective: UInt32
  public var saved: UInt32
  public var fileSystem: UInt32

  public init(real: UInt32, effective: UInt32, saved: UInt32, fileSystem: UInt32) {
    self.real = real
    self.effective = effective
    self.saved = saved
    self.fileSystem = fileSystem
  }
}

/// User and group ids of the calling thread: to the kernel each thread has its own.
///
/// Source: credentials(7).
public enum OwnIDs {
  /// NGROUPS_MAX.
  public static let groupCapacity = 65536

  /// Source: getuid(2), geteuid(2), getegid(2).
  public static var realUser: UInt32 {
    UInt32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getuid))
  }
  public static var effectiveUser: UInt32 {
    UInt32(truncatingIfNeeded: rawSystemCall(SyscallNumber.geteuid))
  }
  public static var effectiveGroup: UInt32 {
    UInt32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getegid))
  }

  /// Source: getresuid(2); setfsuid(2), which answers the old id and refuses -1.
  public static var users: IDs { ids(SyscallNumber.getresuid, SyscallNumber.setfsuid) }
  public static var groups: IDs { ids(SyscallNumber.getresgid, SyscallNumber.setfsgid) }

  private static func ids(_ get: Int, _ setFileSystem: Int) -> IDs {
    var real: UInt32 = 0
    var effective: UInt32 = 0
    var saved: UInt32 = 0
    _ = try? withAddress(of: &real) { (real) throws(Errno) in
      try withAddress(of: &effective) { (effective) throws(Errno) in
        try withAddress(of: &saved) { (saved) throws(Errno) in
          try systemCall(get, real.argument, effective.argument, saved.argument)
        }
      }
    }
    let fileSystem = UInt32(truncatingIfNeeded: rawSystemCall(setFileSystem, -1))
    return IDs(real: real, effective: effective, saved: saved, fileSystem: fileSystem)
  }

  /// Source: setresuid(2), setfsuid(2).
  public static func setUsers(_ ids: IDs) throws(Errno) {
    try systemCall(
      SyscallNumber.setresuid, Int(ids.real), Int(ids.effective), Int(ids.saved))
    _ = rawSystemCall(SyscallNumber.setfsuid, Int(ids.fileSystem))
  }

  /// Source: setresgid(2), setfsgid(2).
  public static func setGroups(_ ids: IDs) throws(Errno) {
    try systemCall(
      SyscallNumber.setresgid, Int(ids.real), Int(ids.effective), Int(ids.saved))
    _ = rawSystemCall(SyscallNumber.setfsgid, Int(ids.fileSystem))
  }

  /// Writes the supplementary groups, 4 bytes each.
  ///
  /// - Returns: how many.
  ///
  /// Source: getgroups(2).
  public static func supplementaryGroups(to address: Address, capacity: Int) throws(Errno) -> Int {
    try systemCall(SyscallNumber.getgroups, capacity, address.argument)
  }

  /// Source: setgroups(2).
  public static func setSupplementaryGroups(at address: Address, count: Int) throws(Errno) {
    try systemCall(SyscallNumber.setgroups, count, address.argument)
  }
}
