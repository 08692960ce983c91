internal import CKernel
public import KernelABI

/// Ends the process, all of its threads.
///
/// Source: exit_group(2).
public func exitGroup(status: Int32) -> Never {
  while true { _ = rawSystemCall(SyscallNumber.exitGroup, Int(status)) }
}

/// Ends the calling thread, or process that shares memory; the others go on.
///
/// Source: exit(2), the system call.
public func exitThread(status: Int32 = 0) -> Never {
  while true { _ = rawSystemCall(SyscallNumber.exit, Int(status)) }
}

/// Processes and the signals sent to them, as numbers of the caller's PID namespace.
public enum Process {
  @inline(__always)
  public static var ownID: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getpid))
  }

  /// Source: getppid(2).
  public static var parentID: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getppid))
  }

  /// Source: getpgid(2).
  public static var ownGroup: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getpgid, 0))
  }

  // MARK: Births

  /// - Returns: 0 in the child; the child's PID in the parent.
  ///
  /// Source: fork(2).
  public static func fork() throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try systemCall(SyscallNumber.fork))
  }

  /// Forks with more, or less, than fork(2) gives.
  ///
  /// - Parameters:
  ///   - signal: sent to the parent at its end, 0: none.
  ///   - identifier: the PID that it gets, 0: the kernel chooses.
  /// - Returns: 0 in the child; the child's PID, as the caller sees it, in the parent.
  ///
  /// Source: clone3(2), `set_tid`.
  public static func fork(
    _ flags: CloneFlags = .none, signal: Int32, as identifier: Int32 = 0
  ) throws(Errno) -> Int32 {
    var chosen = identifier
    var arguments = ckernel_clone_args()
    arguments.flags = flags.rawValue
    arguments.exit_signal = UInt64(signal)
    return try withAddress(of: &chosen) { (set) throws(Errno) in
      if identifier != 0 {
        arguments.set_tid = set.rawValue
        arguments.set_tid_size = 1
      }
      return try withAddress(of: &arguments) { (address) throws(Errno) in
        Int32(
          truncatingIfNeeded: try systemCall(
            SyscallNumber.clone3, address.argument, MemoryLayout<ckernel_clone_args>.size))
      }
    }
  }

  /// Becomes another program; the arrays hold addresses of NUL-terminated bytes and end with 0.
  ///
  /// - Throws: always, when it returns.
  ///
  /// Source: execve(2).
  public static func execute(
    path: Address, arguments: Address, environment: Address
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.execve, path.argument, arguments.argument, environment.argument)
  }

  /// Source: unshare(2).
  public static func unshare(_ flags: CloneFlags) throws(Errno) {
    try systemCall(SyscallNumber.unshare, Int(flags.rawValue))
  }

  // MARK: Groups

  /// Makes the caller lead a new session and group, without a terminal.
  ///
  /// Source: setsid(2), which fails for who leads a group already.
  public static func makeSession() { _ = rawSystemCall(SyscallNumber.setsid) }

  /// Makes the caller lead a new group.
  ///
  /// Source: setpgid(2).
  public static func makeGroup() { _ = rawSystemCall(SyscallNumber.setpgid, 0, 0) }

  // MARK: Signals

  /// Sends `signal`; 0 only asks whether it could be.
  ///
  /// - Parameter target: a PID; `-group` for a process group, 0 for the caller's own.
  ///
  /// Source: kill(2).
  public static func send(_ signal: Int32, to target: Int32) throws(Errno) {
    try systemCall(SyscallNumber.kill, Int(target), Int(signal))
  }

  /// - Parameter descriptor: a pidfd.
  ///
  /// Source: pidfd_send_signal(2).
  public static func send(_ signal: Int32, toDescriptor descriptor: Int32) throws(Errno) {
    try systemCall(SyscallNumber.pidfdSendSignal, Int(descriptor), Int(signal), 0, 0)
  }

  /// Whether the process has a thread with that ID.
  ///
  /// Source: tgkill(2) with signal 0.
  public static func hasThread(_ thread: Int32, of process: Int32) -> Bool {
    rawSystemCall(SyscallNumber.tgkill, Int(process), Int(thread), 0)
      != -Int(Errno.noSuchProcess.rawValue)
  }

  // MARK: Comparison

  /// Whether two processes have the same memory, `nil`: can't be said.
  ///
  /// Source: kcmp(2), KCMP_VM.
  public static func shareMemory(_ lhs: Int32, _ rhs: Int32) -> Bool? {
    switch rawSystemCall(SyscallNumber.kcmp, Int(lhs), Int(rhs), 1) {
    case 0: true
    case 1, 2: false
    default: nil
    }
  }
}
