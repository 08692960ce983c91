public import KernelABI

/// The calls of shmget(2) and its family: System V shared memory.
public enum SharedSegments {
  /// What the kernel tells of a segment.
  ///
  /// Source: `include/uapi/asm-generic/shmbuf.h`, struct shmid64_ds.
  public struct Status: BitwiseCopyable {
    public let key: UInt32
    public let owner: UInt32

    /// Permissions, and `markedForRemoval`.
    public let mode: UInt32
    public let byteCount: UInt64

    /// When it was made or its owner changed, in seconds since 1970, and by which process it was made.
    public let changed: Int64
    public let creator: Int32

    /// How many times it is attached, by any process.
    public let attachCount: UInt64
  }

  /// SHM_DEST, in a mode: the segment goes when nobody shows it any more.
  public static let markedForRemoval: UInt32 = 0o1000

  /// Source: shmctl(2), IPC_STAT.
  public static func status(of identifier: Int32) throws(Errno) -> Status {
    // ipc_perm: key, uid, gid, cuid, cgid, mode (32 bits each), …; then size, three times, two
    // process IDs in one word, and the number of attachments.
    var words = InlineArray<16, UInt64>(repeating: 0)
    try withAddress(of: &words) { (address) throws(Errno) in
      try systemCall(SyscallNumber.shmctl, Int(identifier), 2, address.argument)
    }
    return Status(
      key: UInt32(truncatingIfNeeded: words[0]), owner: UInt32(truncatingIfNeeded: words[0] >> 32),
      mode: UInt32(truncatingIfNeeded: words[2] >> 32), byteCount: words[6],
      changed: Int64(bitPattern: words[9]), creator: Int32(truncatingIfNeeded: words[10]),
      attachCount: words[11])
  }

  /// Marks it for removal.
  ///
  /// Source: shmctl(2), IPC_RMID.
  public static func remove(_ identifier: Int32) throws(Errno) {
    try systemCall(SyscallNumber.shmctl, Int(identifier), 0)
  }

  /// Finds or makes a segment.
  ///
  /// `flags` are IPC_ and SHM_ bits and permissions.
  ///
  /// Source: shmget(2).
  public static func get(key: UInt32, byteCount: UInt64, flags: Int) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try systemCall(
        SyscallNumber.shmget, Int(Int32(bitPattern: key)), Int(byteCount), flags))
  }

  /// Asks for the identifier that the next new segment is to have.
  ///
  /// - Throws: without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in the first user namespace.
  ///
  /// Source: proc_sys_kernel(5), shm_next_id.
  public static func setNext(_ identifier: Int32) throws(Errno) {
    let file = try FileDescriptor("/proc/sys/kernel/shm_next_id", .writeOnly)
    var line = Line()
    line.append(decimal: Int64(identifier))
    let count = UInt64(line.count)
    try line.withPath { (text) throws(Errno) in try file.writeFully(from: text, byteCount: count) }
  }

  /// Attaches a segment.
  ///
  /// Source: shmat(2).
  ///
  /// - Parameter address: `Address.zero`: wherever there is room.
  /// - Returns: where it is.
  @discardableResult
  public static func attach(
    _ identifier: Int32, at address: Address
  ) throws(Errno) -> Address {
    let raw = try systemCall(SyscallNumber.shmat, Int(identifier), address.argument, 0)
    return Address(UInt64(UInt(bitPattern: raw)))
  }
}
