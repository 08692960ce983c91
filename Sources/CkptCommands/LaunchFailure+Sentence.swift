internal import CheckpointKit
internal import KernelABI

extension LaunchFailure {
  var failure: CommandFailure {
    switch self {
    case .programNotFound(let name):
      CommandFailure(
        "cannot run \(name): no such \(name.contains("/") ? "file" : "program in PATH") (ENOENT)")
    case .programNotExecutable(let path, let errno):
      CommandFailure("cannot run \(path): \(errno.words)", status: errno.status)
    case .setUserID(let path):
      CommandFailure(
        "cannot run \(path) under the agent: it is a set-user-ID program, which ignores LD_PRELOAD",
        status: .permission,
        hints: ["start the command that it runs instead of \(path.namePart)"])
    case .staticProgram(let path):
      CommandFailure(
        "cannot run \(path) under the agent: it is statically linked, and LD_PRELOAD needs a dynamic loader",
        hints: ["start it without ckpt, and put the agent into it with `ckpt inject PID`"])
    case .injection(let errno):
      CommandFailure(
        "cannot prepare a process that puts the agent into the program: \(errno.words)",
        status: errno.status,
        hints: ["start the program without ckpt, and put the agent into it with `ckpt inject PID`"])
    case .foreignProgram(let path):
      CommandFailure(
        "cannot run \(path) under the agent: it is not an x86-64 program",
        hints: ["ckpt saves 64-bit programs for x86-64 only"])
    case .agentNotFound(let searched):
      CommandFailure(
        "cannot find the agent libckpt.so (ENOENT)",
        hints: [
          "looked for \(searched.joined(separator: ", "))", "set CKPT_AGENT to where libckpt.so is",
        ])
    case .restartNotFound(let searched):
      CommandFailure(
        "cannot find the program restart (ENOENT)",
        hints: ["looked for \(searched.joined(separator: ", "))"])
    case .pathWithSeparator(let path):
      CommandFailure(
        "cannot preload \(path): LD_PRELOAD takes no path with a space or a colon in it",
        hints: ["copy libckpt.so to another folder and set CKPT_AGENT to its path there"])
    case .procUnreadable(let errno):
      CommandFailure(
        "cannot read /proc/self: \(errno.words)", status: .missingFeature,
        hints: ["ckpt needs /proc to be mounted"])
    case .execute(let path, let errno):
      CommandFailure("cannot run \(path): \(errno.words)", status: errno.status)
    }
  }
}

extension Errno {
  /// "permission denied (EACCES)".
  var words: String { "\(message) (\(name))" }

  /// "EACCES", or "errno 133" for one that has no name here.
  var name: String { symbol.map { "\($0)" } ?? "errno \(rawValue)" }

  /// The exit status of a command that this error ended.
  var status: Status {
    switch self {
    case .notPermitted, .accessDenied: .permission
    case .notImplemented: .missingFeature
    default: .failed
    }
  }
}
