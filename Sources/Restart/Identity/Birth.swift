internal import CKernel
internal import Kernel
internal import KernelABI

/// Making the process that becomes the program.
enum Birth {
  /// Forks with a chosen process ID.
  ///
  /// - Returns: 0 in the child; the child's ID, as the caller sees it, in the parent.
  ///
  /// Source: clone3(2), `set_tid`.
  static func fork(as pid: Int32) throws(Errno) -> Int32 {
    var chosen = pid
    return try withAddress(of: &chosen) { (set) throws(Errno) in
      var arguments = ckernel_clone_args()
      arguments.exit_signal = UInt64(Signal.child)
      arguments.set_tid = set.rawValue
      arguments.set_tid_size = 1
      return try withAddress(of: &arguments) { (address) throws(Errno) in
        Int32(
          truncatingIfNeeded: try systemCall(
            SyscallNumber.clone3, address.argument, MemoryLayout<ckernel_clone_args>.size))
      }
    }
  }

  /// Source: fork(2).
  static func fork() throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try systemCall(SyscallNumber.fork))
  }

  /// Whether some process or thread has this ID.
  ///
  /// Source: kill(2); a thread's ID is taken as its process's.
  static func isTaken(_ id: Int32) -> Bool {
    do throws(Errno) {
      try Process.send(0, to: id)
      return true
    } catch {
      return error != .noSuchProcess
    }
  }
}
