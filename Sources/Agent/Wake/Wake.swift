internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The agent finds itself in a restarted process: its memory is back, and the main thread runs.
///
/// Threads are made again with their TIDs; each puts its own state back, and when all are ready,
/// all return into the signal frames that their memory holds.
enum Wake {
  /// Runs on the kept stack, in the main thread.
  static func run() {
    Signal.setMask(UInt64.max)
    let root = WakeState.published
    let handoff = Memory.load(ckpt_handoff.self, at: root.handoff)
    guard handoff.version == UInt32(CKPT_HANDOFF_VERSION) else {
      WakeReport.fail(.handoff, handoff, .invalid, subject: UInt64(handoff.version))
    }
    LazyMemory.begin(handoff)
    if handoff.lazy == 0 {
      unmap(handoff.own_start, handoff.own_end)
      unmap(handoff.scratch_start, handoff.scratch_end)
    }
    resetState()
    keepArguments(handoff)
    var losses = root.process.restoreEarly(executable: handoff.executable_descriptor)
    if handoff.executable_descriptor >= 0 { closeDescriptor(handoff.executable_descriptor) }
    losses = losses | root.signals.restoreActions()
    let threads = WakeThreads(root, handoff)
    losses = losses | threads.makeAll()
    losses = losses | restoreProcess(threads)
    WakeReport.check(losses, handoff)
    LazyMemory.awaitWatch()
    WakeReport.succeed(handoff, losses)
    threads.leave()
  }

  private static func unmap(_ start: UInt64, _ end: UInt64) {
    guard let range = AddressRange(start: start, end: end) else { return }
    _ = try? Mapping.unmap(range)
  }

  /// Keeps what this restart was given, and lets go of what an earlier one was.
  private static func keepArguments(_ handoff: ckpt_handoff) {
    let earlier = Agent.state.restartArguments
    Agent.state.restartArguments = handoff.arguments
    guard earlier != 0, earlier != handoff.arguments else { return }
    let count = Memory.load(ckpt_restart_arguments.self, at: Address(earlier)).byte_count
    unmap(earlier, earlier &+ count)
  }

  /// The state was saved in the middle of a stop, which is over here.
  private static func resetState() {
    Agent.state.restarts += 1
    // Newer images than the one it was restarted from may be there.
    Agent.state.knowsNumbers = false
    Agent.state.writerStatus = 0
    Agent.state.tracker = TrackDescriptor.Memo()
    Agent.state.precopy = Precopy.State()
    Agent.state.copyBuffer = CopyBuffer.Memo()
    Deferral.forgetWaiting()
    OwnCall.loseClones()
    Lineage.end()
    Agent.parked.store(0)
    Agent.arrived.store(0)
    Agent.departed.store(0)
    // Until the last thread has left, nobody may lead: the counters are those of this wake.
    Agent.owner.store(UInt32(bitPattern: Process.ownID))
    Agent.leader.store(UInt32(bitPattern: Process.ownID))
    Agent.gate.store(Agent.state.epoch)
  }

  /// What needs all threads to be there.
  private static func restoreProcess(_ threads: WakeThreads) -> RestoreLosses {
    let root = threads.root
    // First: the ids that the kernel gives next are to be those of the program.
    Agent.state.ticker.wake(savedAs: root.process.record.pid)
    var losses = root.signals.restoreTimers { threads.current(of: $0) }
    losses = losses | threads.restoreMain()
    losses = losses | root.process.restoreLate()
    ForkDetection.announce(root.process)
    let caller = Int32(bitPattern: Agent.caller.value)
    if caller != 0 { Agent.caller.store(UInt32(bitPattern: threads.current(of: caller))) }
    let process = Process.ownID
    return losses
      | root.signals.requeue(
        of: 0, process: process, current: process,
        dropping: root.signals.agentSignals)
  }
}

/// Where `restart` jumps to.
@c(agent_wake)
func agentWake(_ handoff: UInt64) { Wake.run() }

/// Where a thread begins that the main thread made; `index` is its place in the table.
@c(agent_wake_thread)
func agentWakeThread(_ index: UInt64) { WakeThreads.run(Int(index)) }
