internal import CAPI
internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Makes a checkpoint for the calling thread: takes the turn, runs the hooks, sends itself the signal, and waits
/// until it is known what came of it.
///
/// Runs in ordinary context, or in a signal handler of the program's; needs no memory but its stack.
struct CallRun {
  /// How it ended.
  enum End {
    case saved, restarted, started

    /// Nobody waits any more for what was deferred.
    case gone

    /// A deferral began before the world was stopped.
    case deferred

    /// The sentence lies at `Sentences.callPlace`.
    case failed(Errno)
  }

  /// How the image is to be made.
  struct Request: BitwiseCopyable {
    var flags: UInt32 = 0
    var exitStatus: Int32 = 0
    var configuration: Configuration
    var namesPath = false
    var label = Address.zero

    /// Whether to come back before the image is safe.
    var isAsynchronous = false

    /// The `ckpt save` that waits, 0: none.
    var token: UInt64 = 0
  }

  private let request: Request

  /// How often the process had been restarted when this began.
  private let restarts = Agent.state.restarts
  private var hasRunHooks = false

  init(_ request: Request) { self.request = request }

  private var isRestarted: Bool { Agent.state.restarts != restarts }

  // MARK: One at a time

  /// Waits until no other thread is in a call.
  ///
  /// - Throws: `deadlock` when this thread is in one, or in a hook.
  static func enter() throws(Errno) {
    let own = UInt32(bitPattern: OwnThread.identifier)
    guard Agent.caller.value != own, Agent.leader.value != own else { throw .deadlock }
    while !Agent.caller.exchange(0, for: own) {
      let other = Agent.caller.value
      guard other != 0 else { continue }
      Agent.caller.wait(while: other, atMost: 100_000_000)
      // Who ended in a hook will not leave.
      if !Process.hasThread(Int32(bitPattern: other), of: Process.ownID) {
        _ = Agent.caller.exchange(other, for: 0)
      }
    }
  }

  static func leave() {
    Agent.caller.store(0)
    Agent.caller.wakeAll()
  }

  // MARK: The checkpoint

  /// - Precondition: `enter` was successful.
  mutating func run(deadline: UInt64) -> End {
    while true {
      awaitTurn()
      guard !isRestarted else { return end(.restarted) }
      guard Deferral.awaitEnd(until: request.token == 0 ? deadline : 0) else {
        return end(.deferred)
      }
      if !hasRunHooks { Hooks.run(.before) }
      hasRunHooks = true
      ask()
      let errno = signal()
      guard !isRestarted else { return end(.restarted) }
      if let errno { return end(Self.unsent(errno)) }
      switch Agent.state.call.outcome {
      case .none, .busy:
        // Without a deadline a deferral would make this wait for ever.
        if Deferral.isOn, Clock.monotonic > deadline { return end(.deferred) }
        Pause.short()
      case .saved: return end(.saved)
      case .gone: return end(.gone)
      case .failed: return end(.failed(Agent.state.call.errno))
      case .begun:
        let number = Agent.state.call.number
        runHooksAfter(.resumed)
        return request.isAsynchronous ? .started : awaitClone(of: number)
      }
    }
  }

  /// After the hooks that ran before, those that run after.
  private mutating func end(_ end: End) -> End {
    if case .restarted = end { runHooksAfter(.restarted) } else { runHooksAfter(.resumed) }
    return end
  }

  private mutating func runHooksAfter(_ event: Hooks.Event) {
    if hasRunHooks { Hooks.run(event) }
    hasRunHooks = false
  }

  private func ask() {
    Agent.state.call.number += 1
    Agent.state.call.outcome = .none
    Agent.state.call.errno = Errno.none
    Agent.state.call.flags = request.flags
    Agent.state.call.exitStatus = request.exitStatus
    Agent.state.call.configuration = request.configuration
    Agent.state.call.namesPath = request.namesPath
    Agent.state.call.label = request.label
    Agent.state.call.labelByteCount =
      request.label == .zero
      ? 0 : TerminatedText.byteCount(at: request.label, limit: CallRun.labelCapacity)
    Agent.state.call.token = request.token
    let slot = request.isAsynchronous ? CloneWord.asynchronous : CloneWord.waiting
    Agent.state.waited[slot] = CloneWord(call: Agent.state.call.number)
  }

  /// As much of a label as goes into an image, in bytes.
  static let labelCapacity: UInt64 = 4096

  /// Sends the calling thread the agent's signal and takes it.
  ///
  /// - Returns: why that can't be done.
  private func signal() -> Errno? {
    guard let signal = Self.ownSignal() else { return .busy }
    var info = ckernel_siginfo()
    info.signal = signal
    info.code = Signal.queued
    info.pid = Process.ownID
    info.value = OwnCall.value(of: Agent.state.call.number)
    let mask = Signal.setMask(UInt64.max)
    defer { _ = Signal.setMask(mask) }
    do throws(Errno) {
      try Signal.queue(
        info, process: info.pid, thread: OwnThread.identifier, signal: signal)
    } catch {
      return error
    }
    // Here it is taken.
    _ = Signal.setMask(mask & ~Signal.bit(signal))
    return nil
  }

  /// A signal whose handler is the agent's, `nil`: the program took both for itself.
  private static func ownSignal() -> Int32? {
    let signals: InlineArray<2, Int32> = [
      Configuration.controlSignal, Agent.state.configuration.signal,
    ]
    for index in signals.indices
    where (try? Signal.action(of: signals[index]))?.handler == Handler.address {
      return signals[index]
    }
    return nil
  }

  private static func unsent(_ errno: Errno) -> End {
    var line = Line("no checkpoint: ")
    if errno == .busy {
      line.append(
        "the program has taken the agent's signals for itself (EBUSY); leave it signal 64")
    } else {
      line.append("the agent's signal can't be queued (")
      line.append(errno)
      line.append("); raise the limit (ulimit -i)")
    }
    Sentences.store(&line, at: Sentences.callPlace)
    return .failed(errno)
  }

  // MARK: Waiting

  /// Waits while another checkpoint is taken or written.
  private func awaitTurn() {
    let own = UInt32(bitPattern: OwnThread.identifier)
    while !isRestarted {
      let leader = Agent.leader.value
      if leader != 0, leader != own {
        Pause.short()
      } else if let page = CheckpointLock.look() {
        // A precopy process that is ready waits for us.
        guard page.stage == .writing || page.stage == .copying else { return }
        page.word.wait(while: page.stage.rawValue, atMost: 20_000_000)
      } else {
        return
      }
    }
  }

  /// Waits until the clone is done.
  private func awaitClone(of number: UInt64) -> End {
    Self.awaitClone(slot: CloneWord.waiting, until: .max)
    let word = Agent.state.waited[CloneWord.waiting]
    if isRestarted { return .restarted }
    return word.state == .durable ? .saved : .failed(word.errno)
  }

  /// Waits until it is known what came of a clone, or the time is over.
  static func awaitClone(slot: Int, until deadline: UInt64) {
    while Agent.state.waited[slot].state == .writing {
      let now = Clock.monotonic
      guard let page = CheckpointLock.look(), now < deadline else { return }
      // If it is unmapped meanwhile the kernel says so.
      page.word.wait(while: page.stage.rawValue, atMost: min(20_000_000, deadline - now))
    }
  }
}
