internal import CheckpointKit
internal import KernelABI

extension InjectFailure {
  /// - Parameter deed: what could not be done to the program.
  func failure(saving program: String, to deed: String = "save") -> CommandFailure {
    func cannot(_ why: String, _ status: Status = .failed, _ hints: String...) -> CommandFailure {
      CommandFailure("cannot \(deed) \(program): \(why)", status: status, hints: hints)
    }
    switch self {
    case .target(let failure): return failure.failure(saving: program, to: deed)
    case .agent(let failure): return failure.failure
    case .agentUnreadable(let path, let errno):
      return cannot("the agent \(path) can't be read: \(errno.words)", errno.status)
    case .agentFile(let path, let failure):
      return cannot(
        "\(path) is no agent: \(failure.words)", .failed,
        "set CKPT_AGENT to the libckpt.so that came with this ckpt")
    case .foreign:
      return cannot(
        "it is a 32-bit program", .failed, "ckpt saves 64-bit programs for x86-64 only")
    case .forbidden(let refusal): return refusal.failure(cannot)
    case .confinedStrictly:
      return cannot(
        "seccomp in strict mode ends it at the first system call of another's", .failed,
        "start it with `ckpt run`")
    case .confined(let pid, let filters):
      return cannot(
        "it has \(filters) seccomp filter\(filters == 1 ? "" : "s"), which may end it for a system call they don't expect",
        .failed, "`ckpt inject --despite-seccomp \(pid)` tries it all the same")
    case .doesNotStop(let tid, let seconds):
      return cannot(
        "thread \(tid) did not stop within \(seconds) s (ETIMEDOUT)", .failed,
        "it may be inside vfork(2) or wait for a disk: try again in a moment")
    case .noPlace:
      return cannot(
        "its code has nowhere a few hundred bytes to spare", .failed, "start it with `ckpt run`")
    case .step(let step, let errno): return cannot("\(step.words): \(errno.words)", errno.status)
    case .crashed(let signal):
      return cannot("the agent's entry was ended by \(signalName(Int(signal)))")
    case .ended: return cannot("it ended meanwhile (ESRCH)")
    case .deaf(let pid):
      return cannot(
        "the agent is in it, and got no signal to be called by", .failed,
        "`ckpt inject --signal RTMIN+5 \(pid)` takes another one")
    case .otherAgent:
      return cannot(
        "it has an agent of another file than this ckpt's", .failed,
        "set CKPT_AGENT to the libckpt.so that it was started with")
    }
  }
}

extension PtraceRefusal {
  typealias Cannot = (String, Status, String...) -> CommandFailure

  fileprivate func failure(_ cannot: Cannot) -> CommandFailure {
    switch self {
    case .tracedBy(let pid, let name):
      cannot(
        "process \(pid)\(name.isEmpty ? "" : " (\(name))") traces it, and only one can (EPERM)",
        .permission, "detach \(name.isEmpty ? "it" : name) first")
    case .yama(let scope) where scope >= 3:
      cannot(
        "Yama forbids ptrace(2) until the next boot (kernel.yama.ptrace_scope is \(scope))",
        .permission, "start the program with `ckpt run`")
    case .yama(let scope):
      cannot(
        "Yama forbids ptrace(2) of other than own children (kernel.yama.ptrace_scope is \(scope))",
        .permission, "run ckpt as root, or once as root: sysctl kernel.yama.ptrace_scope=0",
        "a program that `ckpt run` starts needs none of it")
    case .filtered:
      cannot(
        "a seccomp filter of this container forbids ptrace(2)", .permission,
        "run ckpt outside of it, or allow the call (docker run --cap-add SYS_PTRACE)",
        "a program that `ckpt run` starts needs none of it")
    case .notDumpable:
      cannot(
        "it has made itself non-dumpable, or its file may not be read (EPERM)", .permission,
        "run ckpt as root")
    case .morePrivileged:
      cannot(
        "it has rights that this ckpt lacks (EPERM): another user, capabilities, or a namespace above",
        .permission, "run ckpt as root, with CAP_SYS_PTRACE in the namespace of the program")
    }
  }
}

extension InjectStep {
  fileprivate var words: String {
    switch self {
    case .trace: "it can't be traced"
    case .openMemory: "its memory can't be opened"
    case .writeMemory: "its memory can't be written"
    case .registers: "its registers can't be read"
    case .workspace: "it can't get memory to work in"
    case .openAgent: "it can't open the agent's file"
    case .fillAgent: "the agent can't be copied into it"
    case .reserve: "it has no room for the agent"
    case .mapSegment: "it can't map the agent"
    case .protect: "it can't protect the agent's memory"
    case .runEntry: "the agent's entry can't be run"
    }
  }
}

extension AgentFileFailure {
  fileprivate var words: String {
    switch self {
    case .notAnAgent: "not a shared object for x86-64"
    case .damaged: "it is damaged"
    case .needs(let what): "it needs \(what)"
    case .noEntry: "it has no entry for a running program"
    }
  }
}
