internal import Kernel
internal import KernelABI

/// A program that is run to its end, with the standard streams of this one.
struct WatchedRun {
  private let process: Int32

  /// - Parameter arguments: the first is its name.
  init(_ path: String, _ arguments: [[UInt8]], _ environment: Environment) throws(Errno) {
    try HostFiles.checkExecutable(path)
    process = try Process.fork()
    if process == 0 { Self.become(path, arguments, environment) }
  }

  /// In the child.
  private static func become(
    _ path: String, _ arguments: [[UInt8]], _ environment: Environment
  ) -> Never {
    do throws(Errno) {
      try replaceProcess(path, arguments: arguments, environment: environment.entries)
    } catch {}
    exitGroup(status: 126)
  }

  /// Waits for it.
  ///
  /// What is typed to end it does not end this process, now and later: there is still work to do.
  ///
  /// - Returns: how it ended, as for `$?` of a shell.
  func end() throws(Errno) -> Int32 {
    Signal.setMask(Signal.bit(Signal.interrupt) | Signal.bit(Signal.quit))
    return try Wait.status(of: process).shellStatus
  }
}
