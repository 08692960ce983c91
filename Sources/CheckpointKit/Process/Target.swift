public import KernelABI

/// One thread of a target, with what decides whether it can take the signal.
public struct TargetThread: Equatable, Sendable {
  public var tid: Int32
  public var status: ProcessStatus

  /// Whether a restart's reader of memory traces it, which lets go by itself when all is there.
  public var isBeingFilled: Bool

  public init(tid: Int32, status: ProcessStatus, isBeingFilled: Bool = false) {
    self.tid = tid
    self.status = status
    self.isBeingFilled = isBeingFilled
  }

  /// Whether a debugger has stopped it, for as long as it likes.
  var isHeld: Bool { status.state == "t" && !isBeingFilled }
}

/// All that is looked at before a process is asked to save itself.
public struct TargetFacts: Equatable, Sendable {
  public var pid: Int32
  public var status: ProcessStatus
  public var hasAgent: Bool

  /// The signal of CKPT_SIGNAL, as far as the environment tells.
  public var trigger: Int
  public var threads: [TargetThread]

  public init(
    pid: Int32, status: ProcessStatus, hasAgent: Bool, trigger: Int, threads: [TargetThread]
  ) {
    self.pid = pid
    self.status = status
    self.hasAgent = hasAgent
    self.trigger = trigger
    self.threads = threads
  }

  /// What to send and where.
  ///
  /// One that is not the main thread is best: its number is gone when another one executes a program,
  /// while the main thread's then is that program's.
  ///
  /// A signal to a process whose agent isn't listening would end it, so everything is checked.
  /// - Parameter opensMasks: whether a thread that blocks the signals will do, since it will be traced.
  public func delivery(opensMasks: Bool = false) throws(TargetFailure) -> Delivery {
    guard threads.contains(where: \.isAlive) else { throw .zombie(pid) }
    guard hasAgent else {
      throw isStopped ? .stopped(pid) : .noAgent(pid, name: status.name)
    }
    // The agent's own signal first: programs that use SIGUSR2 themselves leave that one alone.
    let signals = [controlSignal, trigger].filter { status.catches($0) }
    guard !signals.isEmpty else { throw .triggerNotCaught(pid, signal: trigger) }
    if threads.contains(where: \.isHeld) { throw .traced(pid) }
    if threads.contains(where: { $0.status.state == "T" }) { throw .stopped(pid) }
    for signal in signals {
      if let tid = thread(taking: signal) { return Delivery(signal: signal, tid: tid) }
    }
    guard opensMasks, let tid = best(threads.filter(\.isAlive)) else {
      throw .triggerBlocked(pid, signal: trigger)
    }
    return Delivery(signal: signals[0], tid: tid)
  }

  /// Whether it could be saved but for the agent, which isn't in it.
  public var lacksAgent: Bool { !hasAgent && threads.contains(where: \.isAlive) && !isStopped }

  /// Whether all of it is stopped, by SIGSTOP and its kin.
  public var isStopped: Bool {
    let alive = threads.filter(\.isAlive)
    return !alive.isEmpty && alive.allSatisfy { $0.status.state == "T" }
  }

  private func thread(taking signal: Int) -> Int32? {
    best(threads.filter { $0.isAlive && !$0.status.blocks(signal) })
  }

  /// One in an uninterruptible wait would keep us waiting.
  private func best(_ able: [TargetThread]) -> Int32? {
    let awake = able.filter { $0.status.state != "D" }
    return (awake.isEmpty ? able : awake).map(\.tid).min { rank($0) < rank($1) }
  }

  private func rank(_ tid: Int32) -> Int32 { tid == pid ? Int32.max : tid }
}

/// The agent takes this signal besides the one of CKPT_SIGNAL: the last real-time signal.
public let controlSignal = 64

/// A signal, and the thread that is to take it.
public struct Delivery: Equatable, Sendable {
  public var signal: Int
  public var tid: Int32

  public init(signal: Int, tid: Int32) {
    self.signal = signal
    self.tid = tid
  }
}

extension TargetThread {
  var isAlive: Bool { status.state != "Z" && status.state != "X" }
}

/// Why a process can't be asked to save itself.
public enum TargetFailure: Error, Equatable, Sendable {
  case noSuchProcess(Int32)
  case noSuchName(String)
  case severalByName(String, [Int32])
  case isThread(Int32, of: Int32)
  case notOurs(Int32, user: UInt32)
  case unreadable(Int32, String, Errno)
  case zombie(Int32)

  /// It has no memory of its own.
  case kernelThread(Int32)
  case stopped(Int32)
  case notStopped(Int32)
  case traced(Int32)
  case noAgent(Int32, name: String)
  case restartWithoutProgram(Int32)
  case triggerNotCaught(Int32, signal: Int)
  case triggerBlocked(Int32, signal: Int)

  /// Seccomp(2) in strict mode: it would end at the agent's first system call.
  case confinedStrictly(Int32)

  /// It has filters of seccomp(2) of its own, which no restart brings back.
  case filtered(Int32, filters: Int)

  /// Its filters forbid a system call that the agent makes.
  case filterForbids(Int32, call: String)

  /// A thread's system calls go to a handler of its own: Syscall User Dispatch.
  case dispatches(Int32, tid: Int32)

  /// Its threads block the signal or wait for it, and ptrace(2) is forbidden.
  case triggerTaken(Int32, signal: Int)
  /// It sees another root directory than we do.
  case confined(Int32, root: String)
}
