public import CKernel
public import KernelABI

/// A process that shares our memory, runs one function and ends, without SIGCHLD.
public enum HelperProcess {
  /// Starts it; with CLONE_VFORK it has ended when this returns.
  ///
  /// - Parameters:
  ///   - arguments: exit_signal 0, so that only `__WCLONE` sees it; a stack of its own.
  ///   - body: must end by exit(2), never return.
  /// - Returns: its PID.
  ///
  /// Source: clone3(2).
  public static func run(
    _ arguments: inout ckernel_clone_args, _ body: @convention(c) (UInt64) -> Void,
    _ argument: UInt64
  ) throws(Errno) -> Int32 {
    let raw = try withAddress(of: &arguments) { (address) throws(Errno) in
      // Safe: the kernel copies the arguments before the new process exists.
      try decoded(
        unsafe ckernel_clone_thread(
          UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue)),
          UInt64(MemoryLayout<ckernel_clone_args>.size), body, argument))
    }
    return Int32(truncatingIfNeeded: raw)
  }

  /// Takes the ended helper out of the process table.
  ///
  /// Source: wait(2), __WCLONE.
  public static func reap(_ child: Int32) {
    _ = try? retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.wait4, Int(child), 0, 0x8000_0000, 0)
    }
  }
}
