public import KernelABI

/// One entry of this process's descriptor table, closed when it goes out of scope.
@frozen
public struct FileDescriptor: ~Copyable {
  public let number: Int32

  /// Takes over a number someone else opened.
  ///
  /// The caller must not close it.
  public init(adopting number: Int32) { self.number = number }

  deinit { closeDescriptor(number) }

  /// Opens the file named by the NUL-terminated bytes at `path`.
  ///
  /// Close-on-exec is always added.
  ///
  /// Source: open(2).
  public init(path: Address, _ flags: OpenFlags, mode: UInt32 = 0) throws(Errno) {
    let raw = try retryingInterrupts { () throws(Errno) in
      try systemCall(
        SyscallNumber.open, path.argument, Int((flags | .closeOnExec).rawValue), Int(mode))
    }
    number = Int32(truncatingIfNeeded: raw)
  }

  /// Opens the file that a path leads to from an open directory.
  ///
  /// Source: openat(2).
  public init(path: Address, in directory: Int32, _ flags: OpenFlags) throws(Errno) {
    let raw = try retryingInterrupts { () throws(Errno) in
      try systemCall(
        SyscallNumber.openat, Int(directory), path.argument,
        Int((flags | .closeOnExec).rawValue), 0)
    }
    number = Int32(truncatingIfNeeded: raw)
  }

  public init(_ path: StaticString, _ flags: OpenFlags) throws(Errno) {
    try self.init(path: path.address, flags)
  }

  /// Closes now and reports what the kernel said.
  ///
  /// The number is gone either way: Linux frees the slot before it can fail (close(2), NOTES).
  public consuming func close() throws(Errno) {
    let number = self.number
    discard self
    try systemCall(SyscallNumber.close, Int(number))
  }

  /// Hands the number back and leaves it open.
  public consuming func relinquish() -> Int32 {
    let number = self.number
    discard self
    return number
  }

  /// Reads at most `byteCount` bytes to `address`.
  ///
  /// - Returns: bytes read, 0 at the end.
  ///
  /// Source: read(2).
  public borrowing func read(to address: Address, byteCount: UInt64) throws(Errno) -> UInt64 {
    try readBytes(number, to: address, byteCount: byteCount)
  }

  /// Reads at `offset`, leaving the file's own position alone.
  ///
  /// Source: pread(2).
  public borrowing func read(
    to address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) -> UInt64 {
    let number = number
    return UInt64(
      try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.pread, Int(number), address.argument, Int(byteCount),
          Int(bitPattern: UInt(offset)))
      })
  }

  /// Reads until `byteCount` bytes are there or the file ends.
  ///
  /// - Returns: bytes read; fewer than asked for only at the end of the file.
  public borrowing func readFully(
    to address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) -> UInt64 {
    var done: UInt64 = 0
    while done < byteCount {
      let count = try read(to: address + done, byteCount: byteCount - done, at: offset + done)
      guard count > 0 else { break }
      done += count
    }
    return done
  }

  /// Reads until the end of the file or until `capacity` bytes are there.
  public borrowing func readToEnd(to address: Address, capacity: UInt64) throws(Errno) -> UInt64 {
    var done: UInt64 = 0
    while done < capacity {
      let count = try read(to: address + done, byteCount: capacity - done)
      guard count > 0 else { break }
      done += count
    }
    return done
  }

  /// Writes once.
  ///
  /// - Returns: bytes the kernel took, which may be fewer than asked.
  ///
  /// Source: write(2).
  public borrowing func write(from address: Address, byteCount: UInt64) throws(Errno) -> UInt64 {
    let number = number
    return UInt64(
      try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.write, Int(number), address.argument, Int(byteCount))
      })
  }

  /// Writes all of it.
  public borrowing func writeFully(from address: Address, byteCount: UInt64) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      done += try write(from: address + done, byteCount: byteCount - done)
    }
  }

  /// Writes the text without its NUL.
  public borrowing func write(_ text: StaticString) throws(Errno) {
    try writeFully(from: text.address, byteCount: UInt64(text.utf8CodeUnitCount))
  }

  /// Makes what was written durable.
  ///
  /// Source: fsync(2).
  public borrowing func synchronize() throws(Errno) {
    let number = number
    try retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.fsync, Int(number))
    }
  }
}

@usableFromInline
func readBytes(_ number: Int32, to address: Address, byteCount: UInt64) throws(Errno) -> UInt64 {
  UInt64(
    try retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.read, Int(number), address.argument, Int(byteCount))
    })
}

/// Closes a descriptor of which nobody wants to hear any more.
@inline(__always)
public func closeDescriptor(_ number: Int32) {
  _ = rawSystemCall(SyscallNumber.close, Int(number))
}
