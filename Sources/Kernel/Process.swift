public import KernelABI

/// Ends the process, all of its threads.
///
/// Source: exit_group(2).
public func exitGroup(status: Int32) -> Never {
  while true { _ = rawSystemCall(SyscallNumber.exitGroup, Int(status)) }
}

/// Processes and the signals sent to them, as numbers of the caller's PID namespace.
public enum Process {
  @inline(__always)
  public static var ownID: Int32 {
    Int32(truncatingIfNeeded: rawSystemCall(SyscallNumber.getpid))
  }

  /// Sends `signal`; 0 only asks whether it could be.
  ///
  /// - Parameter target: a PID; `-group` for a process group, 0 for the caller's own.
  ///
  /// Source: kill(2).
  public static func send(_ signal: Int32, to target: Int32) throws(Errno) {
    try systemCall(SyscallNumber.kill, Int(target), Int(signal))
  }
}
