internal import Kernel
internal import KernelABI

/// Making the process that becomes the program.
enum Birth {
  /// Forks with a chosen process ID.
  ///
  /// - Returns: 0 in the child; the child's ID, as the caller sees it, in the parent.
  static func fork(as pid: Int32) throws(Errno) -> Int32 {
    try Process.fork(signal: Signal.child, as: pid)
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
