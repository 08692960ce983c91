internal import Kernel
internal import KernelABI

/// A program that is run to its end, with the standard streams of this one.
struct WatchedRun {
  private let process: Int

  /// - Parameter arguments: the first is its name.
  init(_ path: String, _ arguments: [[UInt8]], _ environment: Environment) throws(Errno) {
    try HostFiles.checkExecutable(path)
    process = try systemCall(SyscallNumber.fork)
    if process == 0 { Self.become(path, arguments, environment) }
  }

  /// In the child.
  private static func become(
    _ path: String, _ arguments: [[UInt8]], _ environment: Environment
  ) -> Never {
    do throws(Errno) {
      try replaceProcess(path, arguments: arguments, environment: environment.entries)
    } catch {}
    while true { _ = rawSystemCall(SyscallNumber.exitGroup, 126) }
  }

  /// Waits for it.
  ///
  /// What is typed to end it does not end this process, now and later: there is still work to do.
  ///
  /// - Returns: how it ended, as for `$?` of a shell.
  func end() throws(Errno) -> Int32 {
    // SIGINT, SIGQUIT.
    Signal.setMask(Signal.bit(2) | Signal.bit(3))
    var status: UInt32 = 0
    let process = process
    try withAddress(of: &status) { (address) throws(Errno) in
      _ = try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.wait4, process, address.argument, 0, 0)
      }
    }
    let signal = Int32(status & 0x7F)
    return signal == 0 ? Int32(status >> 8 & 0xFF) : 128 + signal
  }
}
