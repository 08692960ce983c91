internal import Kernel

/// What the supervisor does about a signal that reached it.
enum SignalAnswer: Equatable, BitwiseCopyable {
  case nothing
  /// See what became of the child.
  case look
  /// The shell wants the job to go on.
  case resume
  /// It was meant for the program.
  case forward
  /// It came from the terminal, for a whole group, but the program is in another one.
  case forwardToGroup
  /// It was meant for the program, and carries a value.
  case queue

  /// The IDs of those who take part, as the supervisor sees them.
  struct Parties {
    var own: Int32
    var child: Int32
    /// The program's process group is the supervisor's.
    var sharesGroup: Bool
  }

  /// Decides; `code` and `sender` are the signal's `si_code` and `si_pid`.
  init(to signal: Int32, code: Int32, sender: Int32, _ parties: Parties) {
    switch signal {
    case Signal.child: self = .look
    case Signal.continue: self = .resume
    case Signal.terminalInput where code == Signal.fromKernel,
      Signal.terminalOutput where code == Signal.fromKernel:
      self = .nothing
    case _ where code == Signal.fromKernel:
      self = parties.sharesGroup ? .nothing : .forwardToGroup
    // The program's signal to its whole group, or our own to ours.
    case _ where code <= 0 && (sender == parties.own || sender == parties.child):
      self = .nothing
    case _ where code == Signal.queued: self = .queue
    default: self = .forward
    }
  }
}
