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
