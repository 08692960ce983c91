internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension SaveFailure {
  /// The words for it; `program` is what the user called the process.
  func failure(saving program: String) -> CommandFailure {
    func cannot(_ why: String, _ status: Status = .failed, _ hints: String...) -> CommandFailure {
      CommandFailure("cannot save \(program): \(why)", status: status, hints: hints)
    }
    switch self {
    case .target(let failure): return failure.failure(saving: program)
    case .agent(let failure): return failure.failure(saving: program)
    case .output(let path, let errno):
      return CommandFailure(
        "cannot write \(path): \(errno.words)", status: errno.status,
        hints: errno.outputHint.map { ["\($0)"] } ?? [])
    case .rename(let path, let errno):
      return CommandFailure(
        "cannot give the image the name \(path): \(errno.words)", status: errno.status)
    case .program(let path, let errno):
      return CommandFailure(
        "cannot read the program \(path): \(errno.words)", status: errno.status)
    case .signal(let errno): return cannot("the signal can't be sent: \(errno.words)", errno.status)
    case .control(let errno):
      return cannot("the control socket doesn't work: \(errno.words)", errno.status)
    case .noAnswer(let seconds):
      return cannot(
        "its agent did not answer within \(seconds) s (ETIMEDOUT)", .failed,
        "it may be busy with another checkpoint, or wait for a disk or inside vfork(2)",
        "try again, with --timeout for more patience")
    case .silence(let seconds):
      return cannot(
        "its agent fell silent for \(seconds) s (ETIMEDOUT)", .failed,
        "is the disk slow or gone? --timeout gives more patience")
    case .ended: return cannot("it ended meanwhile (ESRCH)")
    case .hungUp: return cannot("its agent hung up without a word (ECONNRESET)")
    case .otherProtocol(let version):
      return cannot(
        "its agent speaks version \(version) of the protocol, this ckpt \(controlProtocolVersion)",
        .failed,
        "use the ckpt that came with the libckpt.so it was started with")
    case .interrupted(let signal):
      return cannot("interrupted by \(signalName(Int(signal)))")
    case .survived(let seconds):
      return CommandFailure(
        "cannot end \(program): the image is safe, but the process is still there after \(seconds) s",
        hints: ["kill -9 \(program)"])
    case .runsOn(let seconds):
      return CommandFailure(
        "cannot freeze \(program): the image is safe, but not all of the process stopped within \(seconds) s",
        hints: ["kill -STOP \(program)"])
    case .inject(let failure): return failure.failure(saving: program)
    case .stream(let failure): return failure.failure("cannot save \(program)")
    case .busy(let seconds):
      return cannot(
        "other checkpoints of it were being written for \(seconds) s (EBUSY)", .failed,
        "try again, with --timeout for more patience")
    case .deferred(let seconds):
      return cannot(
        "the program itself has put off checkpoints for \(seconds) s (ckpt_defer) (ETIMEDOUT)",
        .failed,
        "try again, with --timeout for more patience", "does every ckpt_defer have its ckpt_allow?")
    }
  }
}

extension TargetFailure {
  /// - Parameter deed: what could not be done to it.
  func failure(saving program: String, to deed: String = "save") -> CommandFailure {
    func cannot(_ why: String, _ status: Status = .failed, _ hints: String...) -> CommandFailure {
      CommandFailure("cannot \(deed) \(program): \(why)", status: status, hints: hints)
    }
    switch self {
    case .noSuchProcess: return cannot("no such process (ESRCH)")
    case .noSuchName:
      return cannot("no process has this name (ESRCH)", .failed, "give its process ID")
    case .severalByName(_, let pids):
      let list = pids.map(String.init).joined(separator: ", ")
      return cannot("\(pids.count) processes have this name", .failed, "give one ID of \(list)")
    case .isThread(_, let pid):
      return cannot("it is a thread of process \(pid)", .failed, "ckpt save \(pid)")
    case .notOurs(_, let user):
      return cannot(
        "it belongs to user \(user) (EPERM)", .permission, "run ckpt as that user or as root")
    case .unreadable(let pid, let name, let errno):
      return cannot(
        "/proc/\(pid)/\(name) can't be read: \(errno.words)", errno.status,
        "a program that made itself non-dumpable can be saved by root only")
    case .zombie:
      return cannot("it has ended; its parent hasn't noticed yet (a zombie)")
    case .kernelThread: return cannot("it is a thread of the kernel")
    case .stopped(let pid):
      return cannot("it is stopped", .failed, "`ckpt thaw \(pid)` lets it go on; then save it")
    case .notStopped: return cannot("it isn't stopped")
    case .traced: return cannot("a debugger holds it", .failed, "detach the debugger first")
    case .noAgent(let pid, let name):
      return cannot(
        "it runs without the agent, and the signal would end it", .failed,
        "`ckpt inject \(pid)` puts the agent into it; `ckpt run -- \(name)` starts it with one")
    case .restartWithoutProgram:
      return cannot("it is restart, and the program it brought back is gone")
    case .triggerNotCaught(let pid, let signal):
      return cannot(
        "the agent is there but \(signalName(signal)) isn't its own any more; it would end the program",
        .failed, "`ckpt inject \(pid)` takes the agent's signals again")
    case .triggerBlocked(_, let signal):
      return cannot(
        "every thread of it blocks \(signalName(signal)), and is at work in the agent", .failed,
        "try again in a moment")
    case .confinedStrictly:
      return cannot(
        "it is confined by seccomp(2) in strict mode, and would end at the agent's first system call"
      )
    case .filtered(_, let filters):
      return cannot(
        "its \(filters == 1 ? "seccomp filter" : "\(filters) seccomp filters") would be missing after a restart",
        .failed, "`ckpt save --without-seccomp` saves it all the same; it then comes back without")
    case .filterForbids(_, let call):
      return cannot(
        "its seccomp filters forbid \(call)(2), which the agent needs", .failed,
        "let its filters allow what ckpt-save(1) lists under SECCOMP")
    case .dispatches(_, let tid):
      return cannot(
        "the system calls of thread \(tid) go to a handler of its own "
          + "(prctl(2), PR_SET_SYSCALL_USER_DISPATCH)", .failed,
        "save it when it has switched that off")
    case .triggerTaken(_, let signal):
      return cannot(
        "its threads block \(signalName(signal)) or wait for it themselves, and ptrace(2) is forbidden",
        .permission, "let ckpt trace it: as root, or with sysctl kernel.yama.ptrace_scope=0")
    case .confined(let pid, let root):
      return cannot(
        "its root directory is \(root) (chroot), and it would come back outside of it", .failed,
        "save and restart it from inside: chroot \(root) ckpt save \(pid)")
    }
  }
}
