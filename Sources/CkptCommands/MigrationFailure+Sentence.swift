internal import CheckpointKit
internal import KernelABI

extension MigrationFailure {
  /// The words for it: what, why, and where the program runs now.
  func failure(moving program: String, to host: String) -> CommandFailure {
    func cannot(_ why: String, _ status: Status = .failed, _ hints: String...) -> CommandFailure {
      CommandFailure(
        "cannot move \(program) to \(host): \(why)", status: status,
        hints: hints + ["it goes on here as before"])
    }
    switch self {
    case .save(let failure): return failure.failure(saving: program)
    case .program(let path, let errno):
      return cannot("\(path) can't be read: \(errno.words)", errno.status)
    case .ssh(let command, let errno):
      return cannot("\(command) can't be started: \(errno.words)", errno.status)
    case .ended(let phase, let status):
      return cannot(
        "\(Self.end(status, host)) \(phase.words)", phase.status(status), phase.hint(host))
    case .timedOut(let phase, let seconds):
      return cannot(
        "nothing moved for \(seconds) s \(phase.words) (ETIMEDOUT)", .failed, phase.hint(host))
    case .interrupted(let phase, let signal):
      return cannot("interrupted by \(signalName(Int(signal))) \(phase.words)")
    case .refused(let phase):
      return cannot("\(host) refused it \(phase.words)", .failed, phase.hint(host))
    case .unstoppable(let errno):
      return cannot("it does not stop: \(errno.words)", errno.status)
    case .link(let failure):
      let known = failure.failure("cannot move \(program) to \(host)")
      return CommandFailure(
        known.sentence, status: known.status,
        hints: ["--address and --port say where \(host) can be reached, past a firewall"]
          + ["it goes on here as before"])
    case .cutOff(let pid):
      return CommandFailure(
        "the connection ended: \(program) runs on \(host) as process \(pid), and is sent SIGHUP there",
        hints: ["look whether it goes on: ssh \(host) ps -p \(pid)"])
    case .undecided: return Self.undecided(program, host)
    }
  }

  /// 255 is ssh's own exit status.
  private static func end(_ status: Int32?, _ host: String) -> String {
    switch status {
    case 255, nil: "the connection ended"
    case .some(let status): "\(host) ended with status \(status)"
    }
  }

  private static func undecided(_ program: String, _ host: String) -> CommandFailure {
    CommandFailure(
      "cannot tell whether \(program) runs on \(host): the connection ended when it was told to; "
        + "here it is stopped", status: .undecided,
      hints: [
        "look whether it runs there: ssh \(host) ps -e",
        "if it does, end it here: kill -KILL \(program)",
        "if it does not, let it go on here: kill -CONT \(program)",
      ])
  }
}

extension MigrationPhase {
  /// Behind what has happened.
  fileprivate var words: String {
    switch self {
    case .connecting: "before anything was sent"
    case .preparing: "while the program restart was copied there"
    case .copying: "while memory was copied ahead"
    case .sending: "while the image was sent"
    case .placing: "while it was put in place there"
    case .starting: "when it was to run there"
    }
  }

  fileprivate func hint(_ host: String) -> String {
    switch self {
    case .connecting: "what ssh says is above; does `ssh \(host) true` work?"
    case .preparing: "it takes a POSIX shell with mktemp and head, and a folder to run a file in"
    case .copying, .sending, .placing, .starting: "what \(host) says of it is above"
    }
  }

  /// What `restart` over there has exited with, as this command's own.
  fileprivate func status(_ far: Int32?) -> Status {
    switch (self, far) {
    case (.copying, .some(let far)), (.sending, .some(let far)), (.placing, .some(let far)):
      Status(rawValue: far) ?? .failed
    default: .failed
    }
  }
}
