public import ArgumentParser

/// Exit statuses of every command, after sysexits(3).
public enum Status: Int32, Sendable {
  case failed = 1
  case usage = 64
  case damagedImage = 65
  case missingFeature = 69

  /// Nobody knows which of two runs: somebody has to look.
  case undecided = 75
  case permission = 77
}

/// What a person reads when a command fails: a sentence, what to do about it, and the exit status.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
  let status: Status

  /// "cannot save 4312: no such process (ESRCH)": no capital, no full stop.
  let sentence: String
  let hints: [String]

  init(_ sentence: String, status: Status = .failed, hints: [String] = []) {
    self.status = status
    self.sentence = sentence
    self.hints = hints
  }

  var description: String {
    (["Error: \(sentence)"] + hints.map { "hint: \($0)" }).joined(separator: "\n")
  }
}

/// Parses the command line, runs the command, and ends the process.
public func runCommandLine<Command: ParsableCommand>(_ type: Command.Type) -> Never {
  do {
    var command = try type.parseAsRoot()
    try command.run()
  } catch let failure as CommandFailure {
    writeError(failure.description + "\n")
    type.exit(withError: ExitCode(failure.status.rawValue))
  } catch {
    type.exit(withError: error)
  }
  type.exit()
}
