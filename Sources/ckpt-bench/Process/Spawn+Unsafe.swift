internal import Glibc

/// A program that was started and not yet waited for.
struct StartedProgram {
  let pid: Int32

  /// - Returns: what waitpid(3) says: 0 when it exited with 0.
  @discardableResult
  func wait() -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }

  /// Whether it has ended; it is then taken out of the process table.
  var hasEnded: Bool {
    var status: Int32 = 0
    return unsafe waitpid(pid, &status, WNOHANG) == pid
  }

  /// Ends it at once.
  func end() { kill(pid, SIGKILL) }
}

/// Environment entries of this process but for those that concern the agent.
func plainEnvironment() -> [String] {
  var entries: [String] = []
  var position = unsafe environ
  while let entry = unsafe position.pointee {
    unsafe entries.append(String(cString: entry))
    unsafe position += 1
  }
  return entries.filter { !$0.hasPrefix("LD_PRELOAD=") && !$0.hasPrefix("CKPT_") }
}

/// Starts a program; its input is empty and its output goes to a file.
///
/// - Parameters:
///   - preload: the agent, `nil`: without it.
///   - file: where the agent saves to when nobody says where.
///
/// Everything in here lives until posix_spawn(3) is back, which is when the child no longer needs
/// it.
func spawn(
  _ words: [String], preload: String? = nil, file: String? = nil, output: String = "/dev/null"
) throws(BenchFailure) -> StartedProgram {
  var entries = plainEnvironment()
  if let preload { entries.append("LD_PRELOAD=\(preload)") }
  if let file { entries.append("CKPT_FILE=\(file)") }
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  unsafe posix_spawn_file_actions_addopen(
    &actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
  unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
  var pid: Int32 = 0
  let name = words.first ?? ""
  let result = unsafe withTerminated(words) { words in
    unsafe withTerminated(entries) { entries in
      unsafe posix_spawnp(&pid, name, &actions, nil, words, entries)
    }
  }
  guard result == 0 else { throw BenchFailure("cannot start \(name) (errno \(result))") }
  return StartedProgram(pid: pid)
}

/// Runs `body` with the strings as execve(2) wants them.
private func withTerminated<R>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  let copies = unsafe strings.map { unsafe strdup($0) } + [nil]
  defer { unsafe copies.forEach { unsafe free($0) } }
  return unsafe copies.withUnsafeBufferPointer { buffer in
    guard let start = buffer.baseAddress else { fatalError("unreachable") }
    return unsafe body(start)
  }
}
