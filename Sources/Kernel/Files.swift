internal import CKernel
public import KernelABI

/// Calls that make files and fill them.
public enum Files {
  /// Opens the NUL-terminated path; close-on-exec.
  ///
  /// - Returns: a number that the caller owns.
  ///
  /// Source: open(2).
  public static func open(
    path: Address, _ flags: OpenFlags, mode: UInt32 = 0
  ) throws(Errno) -> Int32 {
    try FileDescriptor(path: path, flags, mode: mode).relinquish()
  }

  /// Opens what `number` refers to once more, as a new open file description.
  ///
  /// Source: proc_pid_fd(5).
  public static func reopen(_ number: Int32, _ flags: OpenFlags) throws(Errno) -> Int32 {
    var path = Line("/proc/thread-self/fd/")
    path.append(decimal: UInt64(UInt32(bitPattern: number)))
    return try path.withPath { (address) throws(Errno) in
      try open(path: address, flags)
    }
  }

  /// Source: ftruncate(2).
  public static func setSize(_ number: Int32, _ byteCount: UInt64) throws(Errno) {
    try systemCall(SyscallNumber.ftruncate, Int(number), Int(bitPattern: UInt(byteCount)))
  }

  /// Source: fchmod(2).
  public static func setMode(_ number: Int32, _ mode: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.fchmod, Int(number), Int(mode & 0o7777))
  }

  /// Source: chmod(2).
  public static func setMode(path: Address, _ mode: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.chmod, path.argument, Int(mode & 0o7777))
  }

  /// Source: unlink(2).
  public static func unlink(path: Address) throws(Errno) {
    try systemCall(SyscallNumber.unlink, path.argument)
  }

  /// What access(2) can ask.
  public enum Access: Int, Sendable { case exists = 0, execute = 1, read = 4 }

  /// - Throws: when the caller's real user may not.
  ///
  /// Source: access(2).
  public static func checkAccess(path: Address, _ access: Access) throws(Errno) {
    try systemCall(SyscallNumber.access, path.argument, access.rawValue)
  }

  /// Source: rename(2).
  public static func rename(_ path: Address, to name: Address) throws(Errno) {
    try systemCall(SyscallNumber.rename, path.argument, name.argument)
  }

  /// - Throws: `exists` when somebody has the name; `invalid` when the file system can't tell.
  ///
  /// Source: renameat2(2), RENAME_NOREPLACE.
  public static func renameWithoutReplacing(_ path: Address, to name: Address) throws(Errno) {
    try systemCall(
      SyscallNumber.renameat2, workingDirectory, path.argument, workingDirectory, name.argument, 1)
  }

  /// Gives a file a name that links of /proc lead to.
  ///
  /// Source: linkat(2), AT_SYMLINK_FOLLOW.
  public static func link(_ path: Address, to name: Address) throws(Errno) {
    try systemCall(
      SyscallNumber.linkat, workingDirectory, path.argument, workingDirectory, name.argument, 0x400)
  }

  /// Makes a symbolic link at `path` that says `target`.
  ///
  /// Source: symlink(2).
  public static func makeSymbolicLink(path: Address, to target: Address) throws(Errno) {
    try systemCall(SyscallNumber.symlink, target.argument, path.argument)
  }

  /// AT_FDCWD.
  private static let workingDirectory = -100

  /// Reserves space on the disk; the file becomes so long.
  ///
  /// Source: fallocate(2).
  public static func allocate(
    _ number: Int32, offset: UInt64, byteCount: UInt64
  ) throws(Errno) {
    try retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.fallocate, Int(number), 0, Int(offset), Int(byteCount))
    }
  }

  /// Tells the disk to begin with writing what is in memory of a part of the file.
  ///
  /// Source: sync_file_range(2), SYNC_FILE_RANGE_WRITE.
  public static func startWriting(
    _ number: Int32, offset: UInt64, byteCount: UInt64
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.syncFileRange, Int(number), Int(offset), Int(byteCount), 2)
  }

  /// Source: fdatasync(2), fsync(2).
  public static func synchronizeData(_ number: Int32) throws(Errno) {
    try systemCall(SyscallNumber.fdatasync, Int(number))
  }
  public static func synchronize(_ number: Int32) throws(Errno) {
    try retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.fsync, Int(number))
    }
  }

  /// Source: mkdir(2).
  public static func makeDirectory(path: Address, mode: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.mkdir, path.argument, Int(mode))
  }

  /// Source: rmdir(2).
  public static func removeDirectory(path: Address) throws(Errno) {
    try systemCall(SyscallNumber.rmdir, path.argument)
  }

  /// Source: chdir(2).
  public static func changeDirectory(path: Address) throws(Errno) {
    try systemCall(SyscallNumber.chdir, path.argument)
  }

  /// Source: fchdir(2).
  public static func changeDirectory(to number: Int32) throws(Errno) {
    try systemCall(SyscallNumber.fchdir, Int(number))
  }

  /// Reads all of `byteCount` bytes at `offset`, or up to the end.
  ///
  /// - Returns: bytes read.
  ///
  /// Source: pread(2).
  public static func read(
    _ number: Int32, to address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) -> UInt64 {
    var done: UInt64 = 0
    while done < byteCount {
      let raw = try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.pread, Int(number), (address + done).argument, Int(byteCount - done),
          Int(bitPattern: UInt(offset + done)))
      }
      guard raw > 0 else { break }
      done += UInt64(raw)
    }
    return done
  }

  /// Reads once at `offset`.
  ///
  /// - Returns: bytes read, 0 at the end.
  ///
  /// Source: pread(2).
  public static func readOnce(
    _ number: Int32, to address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) -> UInt64 {
    UInt64(
      try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.pread, Int(number), address.argument, Int(byteCount),
          Int(bitPattern: UInt(offset)))
      })
  }

  /// Reads once at the file's own position.
  ///
  /// - Returns: bytes read, 0 at the end.
  ///
  /// Source: read(2).
  public static func read(
    _ number: Int32, to address: Address, byteCount: UInt64
  ) throws(Errno) -> UInt64 {
    try readBytes(number, to: address, byteCount: byteCount)
  }

  /// Reads into several places, once.
  ///
  /// - Parameters:
  ///   - vectors: `count` times an address and a number of bytes, 8 bytes each.
  /// - Returns: bytes read.
  ///
  /// Source: preadv(2).
  public static func read(
    _ number: Int32, vectors: Address, count: Int, at offset: UInt64
  ) throws(Errno) -> UInt64 {
    UInt64(
      try systemCall(
        SyscallNumber.preadv, Int(number), vectors.argument, count, Int(bitPattern: UInt(offset)),
        0))
  }

  /// Reads one value, or as much of it as there is.
  ///
  /// - Returns: bytes read.
  public static func read<T: BitwiseCopyable>(
    _ number: Int32, into value: inout T
  ) throws(Errno) -> UInt64 {
    try withAddress(of: &value) { (address) throws(Errno) in
      try read(number, to: address, byteCount: UInt64(MemoryLayout<T>.size))
    }
  }

  /// Writes one value, once.
  ///
  /// - Returns: bytes written.
  @discardableResult
  public static func write<T: BitwiseCopyable>(
    _ number: Int32, _ value: T
  ) throws(Errno) -> UInt64 {
    var value = value
    return try withAddress(of: &value) { (address) throws(Errno) in
      try write(number, from: address, byteCount: UInt64(MemoryLayout<T>.size))
    }
  }

  /// Writes all of it at `offset`.
  ///
  /// Source: pwrite(2).
  public static func write(
    _ number: Int32, from address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      let raw = try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.pwrite, Int(number), (address + done).argument, Int(byteCount - done),
          Int(bitPattern: UInt(offset + done)))
      }
      done += UInt64(raw)
    }
  }

  /// Writes once at the file's own position.
  ///
  /// Source: write(2).
  public static func write(
    _ number: Int32, from address: Address, byteCount: UInt64
  ) throws(Errno) -> UInt64 {
    UInt64(
      try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.write, Int(number), address.argument, Int(byteCount))
      })
  }

  /// Makes a file without a name in memory; close-on-exec.
  ///
  /// Source: memfd_create(2).
  public static func memoryFile(name: Address, flags: UInt32) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try systemCall(SyscallNumber.memfdCreate, name.argument, Int(flags | 1)))
  }

  /// The kind of file system that a file is on, and its block in bytes.
  ///
  /// Source: fstatfs(2).
  public static func fileSystem(of number: Int32) throws(Errno) -> (type: UInt64, block: UInt64) {
    var status = InlineArray<15, UInt64>(repeating: 0)
    try withAddress(of: &status) { (address) throws(Errno) in
      try systemCall(SyscallNumber.fstatfs, Int(number), address.argument)
    }
    return (status[0], status[1])
  }

  /// Source: flock(2).
  public static func lockWhole(_ number: Int32, exclusive: Bool) throws(Errno) {
    try systemCall(SyscallNumber.flock, Int(number), (exclusive ? 2 : 1) | 4)
  }

  /// Locks part of a file, without waiting; `byteCount` 0 is up to the end.
  ///
  /// - Parameter byDescription: F_OFD_SETLK, else F_SETLK.
  ///
  /// Source: fcntl(2), struct flock.
  public static func lock(
    _ number: Int32, exclusive: Bool, start: UInt64, byteCount: UInt64, byDescription: Bool
  ) throws(Errno) {
    // struct flock: l_type and l_whence (16 bits each), 4 bytes unused, l_start, l_len, l_pid.
    var lock = (UInt64(exclusive ? 1 : 0), start, byteCount, UInt64(0))
    try withAddress(of: &lock) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.fcntl, Int(number), byDescription ? 37 : 6, address.argument)
    }
  }

  /// Reads entries of a directory, as struct linux_dirent64.
  ///
  /// - Returns: bytes put at `buffer`, 0 at the end.
  ///
  /// Source: getdents64(2).
  public static func entries(
    of directory: Int32, to buffer: Address, capacity: Int
  ) throws(Errno) -> Int {
    try systemCall(SyscallNumber.getdents64, Int(directory), buffer.argument, capacity)
  }

  /// The working directory, NUL-terminated.
  ///
  /// - Returns: its bytes, without the NUL.
  ///
  /// Source: getcwd(2), the system call.
  public static func workingDirectory(to buffer: Address, capacity: Int) throws(Errno) -> Int {
    try systemCall(SyscallNumber.getcwd, buffer.argument, capacity) - 1
  }
}
