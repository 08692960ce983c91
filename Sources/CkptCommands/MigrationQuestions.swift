internal import CheckpointKit

/// `ckpt migrate` without a program and a machine: asks for them, on a terminal.
struct MigrationQuestions {
  /// Reads a line of answer; `nil` at the end of input.
  let answer: () -> String?

  /// Characters of a command line that are shown.
  private static let width = 60

  /// - Returns: the process and the machine; `nil`: nothing is to be done.
  func ask(among candidates: [Candidate], machine known: String?) -> (pid: Int32, machine: String)?
  {
    writeOutput(Self.list(candidates))
    guard let pid = askProcess(candidates), let machine = askMachine(known) else { return nil }
    guard askYes("Move process \(pid) to \(machine) now?") else { return nil }
    return (pid, machine)
  }

  static func list(_ candidates: [Candidate]) -> String {
    var text = "   PID        age      memory  command\n"
    for candidate in candidates {
      let age = ageText(candidate.age)
      let line = candidate.commandLine.filter { !$0.isNewline && $0 >= " " }
      text += right(String(candidate.pid), 6) + right(age, 11)
      text += right(byteCountText(candidate.memory), 12) + "  \(line.prefix(width))\n"
    }
    return text
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// "42 s", "17 min", "5 h", "12 d".
  static func ageText(_ nanoseconds: UInt64) -> String {
    let seconds = nanoseconds / 1_000_000_000
    if seconds < 120 { return "\(seconds) s" }
    if seconds < 7200 { return "\(seconds / 60) min" }
    return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) d"
  }

  private func askProcess(_ candidates: [Candidate]) -> Int32? {
    guard let first = candidates.first else { return nil }
    while true {
      writeOutput("Which process? [\(first.pid)] ")
      guard let text = answer() else { return nil }
      if text.isEmpty { return first.pid }
      if let pid = Int32(text), candidates.contains(where: { $0.pid == pid }) { return pid }
      writeOutput("That is none of them.\n")
    }
  }

  private func askMachine(_ known: String?) -> String? {
    while true {
      writeOutput("To which machine (user@host)?\(known.map { " [\($0)]" } ?? "") ")
      guard let text = answer() else { return nil }
      if text.isEmpty, let known { return known }
      if !text.isEmpty, !text.hasPrefix("-"), !text.contains(" ") { return text }
    }
  }

  private func askYes(_ question: String) -> Bool {
    writeOutput("\(question) [Y/n] ")
    guard let text = answer() else { return false }
    return text.isEmpty || ["y", "yes"].contains(text.lowercased())
  }

  /// The first machine that a configuration of ssh gives a name of its own.
  ///
  /// Source: ssh_config(5), Host.
  static func firstMachine(inConfiguration text: String) -> String? {
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" || $0 == "=" }
      guard words.count > 1, words[0].lowercased() == "host" else { continue }
      if let name = words.dropFirst().first(where: { !$0.contains { "*?!".contains($0) } }) {
        return String(name)
      }
    }
    return nil
  }
}
