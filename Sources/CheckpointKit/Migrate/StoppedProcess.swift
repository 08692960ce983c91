internal import Kernel
internal import KernelABI

/// A process that stands still, whoever ends: only SIGCONT lets it go on.
///
/// Stopped so, it does not go on when this command is killed. Stopping is invisible to the program
/// itself, but not to its parent (wait(2), WUNTRACED).
struct StoppedProcess: ~Copyable {
  private let pid: Int32
  private var isKept = false

  private static let stop: Int32 = 19  // SIGSTOP
  private static let goOn: Int32 = 18  // SIGCONT
  private static let kill: Int32 = 9

  /// Nanoseconds until it has to have stopped.
  private static let patience: UInt64 = 5_000_000_000

  /// - Throws: when it does not stop; it goes on then.
  init(of pid: Int32) throws(Errno) {
    try Process.send(Self.stop, to: pid)
    let deadline = monotonicTime() &+ Self.patience
    while !Self.isStill(pid) {
      guard monotonicTime() < deadline else {
        try Process.send(Self.goOn, to: pid)
        throw .timedOut
      }
      _ = try? waitReadable([], until: monotonicTime() &+ 1_000_000)
    }
    self.pid = pid
  }

  private static func isStill(_ pid: Int32) -> Bool {
    guard let facts = try? TargetFacts.read(pid) else { return false }
    let living = facts.threads.filter(\.isAlive)
    return !living.isEmpty && living.allSatisfy { $0.status.state == "T" }
  }

  /// It stays as it is: somebody has to decide.
  mutating func keep() { isKept = true }

  /// Ends the process.
  ///
  /// - Returns: whether it has ended.
  mutating func end() -> Bool {
    isKept = true
    guard let process = try? ProcessHandle(pid) else { return true }
    _ = try? Process.send(Self.kill, to: pid)
    let deadline = monotonicTime() &+ Self.patience
    return (try? waitReadable([process.descriptor.number], until: deadline))?.first == true
  }

  deinit {
    if !isKept { _ = try? Process.send(Self.goOn, to: pid) }
  }
}
