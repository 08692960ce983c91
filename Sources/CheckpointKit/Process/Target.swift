internal import Kernel
public import KernelABI

/// One thread of a target, with what decides whether it can take the signal.
public struct TargetThread: Equatable, Sendable {
  public var tid: Int32
  public var state: Character
  public var blocksTrigger: Bool

  public init(tid: Int32, state: Character, blocksTrigger: Bool) {
    self.tid = tid
    self.state = state
    self.blocksTrigger = blocksTrigger
  }
}

/// All that is looked at before a process is asked to save itself.
public struct TargetFacts: Equatable, Sendable {
  public var pid: Int32
  public var status: ProcessStatus
  public var hasAgent: Bool

  /// The signal the agent waits for, as far as the environment tells.
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

  /// The thread to signal: the main thread if it can take it, else one that can.
  ///
  /// A signal to a process whose agent isn't listening would end it, so everything is checked.
  public func threadToSignal() throws(TargetFailure) -> Int32 {
    guard status.state != "Z", status.state != "X" || threads.contains(where: \.isAlive) else {
      throw .zombie(pid)
    }
    guard hasAgent else { throw .noAgent(pid, name: status.name) }
    guard status.catches(trigger) else { throw .triggerNotCaught(pid, signal: trigger) }
    if threads.contains(where: { $0.state == "t" }) { throw .traced(pid) }
    if threads.contains(where: { $0.state == "T" }) { throw .stopped(pid) }
    let able = threads.filter { $0.isAlive && !$0.blocksTrigger }
    // One in an uninterruptible wait would keep us waiting.
    let awake = able.filter { $0.state != "D" }
    guard let thread = (awake.isEmpty ? able : awake).min(by: { $0.rank(pid) < $1.rank(pid) })
    else { throw .triggerBlocked(pid, signal: trigger) }
    return thread.tid
  }
}

extension TargetThread {
  var isAlive: Bool { state != "Z" && state != "X" }

  fileprivate func rank(_ pid: Int32) -> Int32 { tid == pid ? 0 : tid }
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
  case stopped(Int32)
  case traced(Int32)
  case noAgent(Int32, name: String)
  case restartWithoutProgram(Int32)
  case triggerNotCaught(Int32, signal: Int)
  case triggerBlocked(Int32, signal: Int)
}
