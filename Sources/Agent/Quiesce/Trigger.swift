internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The trigger signal arrived: the thread that took it leads the checkpoint.
enum Trigger {
  /// Bytes of the agent's own stack, on which the leader works.
  private static let stackByteCount: UInt64 = 512 << 10

  /// What the leader takes along to the agent's stack, which lies at the front of `scratch`.
  struct Order: BitwiseCopyable {
    var scratch: Arena
    var context: Address
    var value: UInt64
    var isQueued: Bool
    var sender: Int32

    /// The signal that brought it.
    var signal: Int32

    /// Whether the agent's own timer sent it.
    var isTick: Bool

    /// Whether the thread sent it itself, in a call of the API.
    var isCall: Bool

    /// Whether `ckpt save` waits for an answer.
    var isRequest: Bool { isQueued && value >> 48 == UInt64(CKPT_PROTOCOL_TOKEN_TAG) }
  }

  @inline(never)
  static func take(information: Address, context: Address, isCall: Bool = false) {
    forgetParent()
    let own = UInt32(bitPattern: OwnThread.identifier)
    guard Agent.leader.exchange(0, for: own) else {
      if isCall { return Agent.state.call.outcome = .busy }
      // A checkpoint is being taken; after it the timer is armed again.
      if Ticker.isTick(Memory.load(at: information)) {
        return InterruptedCalls.settleWithoutSample(context)
      }
      // Somebody leads already, and will stop this thread too; the request waits in its own queue:
      // only there may a thread put what others sent (rt_sigqueueinfo(2), EPERM).
      let info = Memory.load(ckernel_siginfo.self, at: information)
      _ = try? Signal.queue(
        info, process: Process.ownID, thread: Int32(bitPattern: own),
        signal: queued(info.signal, context))
      InterruptedCalls.settleWithoutSample(context)
      return
    }
    Agent.state.ticker.rest()
    do throws(Errno) {
      try lead(information: information, context: context, isCall: isCall)
    } catch {
      if isCall {
        OwnCall.note(CaptureFailure(.prepare, error))
      } else {
        Report.failure(CaptureFailure(.prepare, error))
      }
      InterruptedCalls.settleWithoutSample(context)
    }
    Agent.state.ticker.arm()
    Agent.leader.store(0)
  }

  /// The signal to put a request off with.
  ///
  /// One that queues, so that the leader's request to stop, which comes behind it, has its turn: of
  /// the others, the lowest always comes first, and a second one is lost.
  private static func queued(_ signal: Int32, _ context: Address) -> Int32 {
    let mask = Memory.load(ckernel_ucontext.self, at: context).mask
    let own = Configuration.controlSignal
    guard mask & Signal.bit(own) == 0, let action = try? Signal.action(of: own),
      action.handler == Handler.address
    else { return signal }
    return own
  }

  /// In a forked child: the parent may have been in the middle of a checkpoint, which is none here.
  static func forgetParent() {
    let process = UInt32(bitPattern: Process.ownID)
    let owner = Agent.owner.value
    guard owner != process else { return }
    // No process has the highest number: whoever puts it there sets the words right.
    if owner != UInt32.max, Agent.owner.exchange(owner, for: UInt32.max) {
      Agent.leader.store(0)
      Agent.gate.store(0)
      Agent.parked.store(0)
      Agent.arrived.store(0)
      Agent.departed.store(0)
      Agent.state.writerStatus = 0
      Agent.state.precopy = Precopy.State()
      Agent.state.copyBuffer = CopyBuffer.Memo()
      Agent.caller.store(0)
      Agent.turn.store(0)
      Agent.tables.store(0)
      Deferral.forgetWaiting()
      OwnCall.loseClones()
      Lineage.end()
      Agent.state.series = 0
      Agent.state.knowsNumbers = false
      Agent.owner.store(process)
    }
    // Bounded: the fork may have happened while another thread of the parent was at this.
    for _ in 0..<10_000 where Agent.owner.value != process {
      Scheduling.yield()
    }
    Agent.owner.store(process)
  }

  private static func lead(
    information: Address, context: Address, isCall: Bool
  ) throws(Errno) {
    let info = Memory.load(ckernel_siginfo.self, at: information)
    var scratch = try Arena(mapping: ImageDraft.scratchByteCount)
    // A thread that forks just now must not leave its child with this memory.
    _ = try? Mapping.advise(scratch.range, Advice.dontFork)
    let stack = try scratch.reserve(stackByteCount, alignment: pageByteCount)
    var order = Order(
      scratch: scratch, context: context, value: info.value,
      isQueued: info.code == Signal.queued, sender: info.pid,
      signal: info.signal, isTick: Ticker.isTick(info), isCall: isCall)
    Agent.state.call.isOn = isCall
    if isCall { order.be(Agent.state.call) }
    try withAddress(of: &order) { (address) throws(Errno) in
      Handler.callOnStack(stack + stackByteCount, argument: address)
    }
    try Mapping.unmap(scratch.range)
  }
}

extension Trigger.Order {
  /// What came for a call: perhaps what `ckpt save` asked for before, which waited.
  fileprivate mutating func be(_ call: OwnCall) {
    isQueued = call.token != 0
    value = call.token
  }
}

/// Begins on the agent's own stack.
@c(agent_lead)
func agentLead(_ order: UInt64) {
  CheckpointRun.run(Memory.load(Trigger.Order.self, at: Address(order)))
}
