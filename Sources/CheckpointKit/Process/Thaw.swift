internal import Kernel
internal import KernelABI

extension TargetFacts {
  /// Nanoseconds that a process has to go on.
  private static let thawPatience: UInt64 = 5_000_000_000

  /// `restart`, at a terminal, stops with its program: it goes on with it too, and so does the init
  /// process that it may have put between.
  private func resumeRestart() {
    var above = status.parent
    while above > 1, Self.isRestart(above), let next = try? Self.readStatus(above).parent {
      try? Process.send(Signal.continue, to: above)
      above = next
    }
  }

  /// Lets a stopped process go on, and returns when it does.
  ///
  /// - Throws: `notStopped`, and nothing was sent.
  ///
  /// Source: signal(7), SIGCONT.
  public func thaw() throws(TargetFailure) {
    guard isStopped else { throw .notStopped(pid) }
    let deadline = monotonicTime() &+ Self.thawPatience
    do throws(Errno) { try Process.send(Signal.continue, to: pid) } catch {
      throw error == .notPermitted ? .notOurs(pid, user: status.user) : .noSuchProcess(pid)
    }
    resumeRestart()
    while try TargetFacts.read(pid).isStopped {
      guard monotonicTime() < deadline else { throw .stopped(pid) }
      _ = try? waitReadable([], until: monotonicTime() &+ 1_000_000)
    }
  }
}
