internal import CheckpointKit

/// What is measured: the files of one build, and what they can do.
struct Programs {
  let agent: String
  let command: String
  let restart: String
  let victim: String
  private let saveHelp: String
  private let restartHelp: String

  /// - Parameters:
  ///   - folder: holds libckpt.so, ckpt and restart.
  ///   - scratch: where their help is kept meanwhile.
  init(folder: String, victim: String, _ scratch: Scratch) throws(BenchFailure) {
    let folder = absolutePath(folder)
    agent = "\(folder)/libckpt.so"
    command = "\(folder)/ckpt"
    restart = "\(folder)/restart"
    self.victim = absolutePath(victim)
    for path in [agent, command, restart, self.victim] {
      guard (try? HostFiles.facts(of: path)) != nil else {
        throw BenchFailure("there is no \(path): run `make bench`")
      }
    }
    saveHelp = try Self.output([command, "save", "--help"], scratch)
    restartHelp = try Self.output([restart, "--help"], scratch)
  }

  private static func output(_ words: [String], _ scratch: Scratch) throws(BenchFailure) -> String {
    try spawn(words, output: scratch.path("help")).wait()
    defer { scratch.remove("help") }
    return scratch.text("help")
  }

  func saveKnows(_ option: String) -> Bool { saveHelp.contains(option) }
  func restartKnows(_ option: String) -> Bool { restartHelp.contains(option) }
}
