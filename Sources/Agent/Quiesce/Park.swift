internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// What a thread does that was asked to stop: it notes its state, and waits for the gate to open.
///
/// Runs on the thread's own stack.
enum Park {
  /// What a parked thread has to do before it goes on: bits of `Agent.errands`.
  enum Errand {
    /// Signals were pending, or calls that are made again are watched.
    static let comeBack: UInt32 = 1

    /// Some threads were asked by a second signal.
    static let drain: UInt32 = 2
  }

  /// Does what the request asks, unless the stop it belongs to is over.
  ///
  /// Whoever arrives is counted before it looks at the gate: the leader, having opened it, waits for
  /// all who arrived, so the tables stay mapped while any thread may look at them.
  ///
  /// - Returns: false when the request is stale. A thread that parked comes back from here only when
  ///   it had an errand; as a rule it goes on from where it waits.
  @inline(never)
  static func answer(_ request: StopRequest, context: Address) -> Bool {
    Agent.arrived.add(1)
    guard Agent.gate.value == request.epoch else {
      depart()
      return false
    }
    note(request.index, context: context)
    if Agent.parked.add(1) >= Agent.wanted.value { Agent.parked.wakeAll() }
    ckernel_wait_at_gate(Agent.gatePlace.rawValue, request.epoch, context.rawValue)
    run(Agent.errands.value, request.index)
    depart()
    return true
  }

  /// With a thousand threads, waking the leader for each would be most of the work.
  private static func depart() {
    if Agent.departed.add(1) == Agent.arrived.value { Agent.departed.wakeAll() }
  }

  /// Notes the state of the calling thread in its slot.
  @inline(never)
  static func note(_ index: Int, context: Address) {
    let root = WakeState.published
    var record = ckpt_thread()
    ThreadState.note(into: &record, rseqHint: Agent.state.rseqHint)
    record.frame = context.rawValue
    record.signal_mask = Memory.load(ckernel_ucontext.self, at: context).mask
    Memory.store(record, at: root.threads.address(of: index))
    Memory.store(ThreadAttributes.noted(), at: root.attributes.address(of: index))
    Memory.store(
      root.signals.notePrivate(thread: record.tid), at: root.pendingSets.address(of: index))
  }

  /// Gives the thread its pending signals back: the original goes on.
  @inline(never)
  private static func run(_ errands: UInt32, _ index: Int) {
    let tid = OwnThread.identifier
    let process = Process.ownID
    let signals = WakeState.published.signals
    // What asked it a second time after it had parked would be a stray signal later.
    if errands & Errand.drain != 0 { _ = signals.notePrivate(thread: tid) }
    // Signals of the process are the main thread's to send again: with the code that they had the
    // kernel takes them from no other (rt_sigqueueinfo(2), EPERM).
    if tid == process { _ = signals.requeue(of: 0, process: process, current: tid) }
    _ = signals.requeue(of: tid, process: process, current: tid)
  }
}
