internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Makes the threads of a restarted process again.
struct WakeThreads {
  let root: WakeState
  private let handoff: ckpt_handoff

  /// Index of the main thread, which runs this.
  private let main: Int

  /// Bytes between a thread's signal frame and the stack it begins on: the frame's return address
  /// lies there, and nothing else that matters.
  private static let frameGap: UInt64 = 64

  /// What clone3(2) is told of the stack's size; nobody counts on it.
  private static let stackByteCount: UInt64 = 1024

  init(_ root: WakeState, _ handoff: ckpt_handoff) {
    self.root = root
    self.handoff = handoff
    var main = 0
    for index in 0..<root.threads.count
    where root.threads[index].flags & CKPT_THREAD_MAIN != 0 {
      main = index
    }
    self.main = main
  }

  private var keepsIDs: Bool { handoff.flags & CKPT_HANDOFF_FRESH_PIDS == 0 }

  // MARK: Making

  /// Makes every thread but the main one, and waits until all have put their state back.
  func makeAll() -> RestoreLosses {
    let current = root.current.covering(root.threads.count)
    var made: UInt32 = 0
    for index in 0..<root.threads.count {
      if index == main {
        current[index] = Process.ownID
      } else {
        current[index] = make(index)
        made += 1
      }
    }
    while true {
      let parked = Agent.parked.value
      if parked >= made { return .none }
      Agent.parked.wait(while: parked)
    }
  }

  private func make(_ index: Int) -> Int32 {
    let record = root.threads[index]
    var tid = record.tid
    var arguments = ckernel_clone_args()
    arguments.flags =
      (.memory | .fileSystem | .files | .signalHandlers | .thread | .semaphoreUndo
      | .threadPointer as CloneFlags).rawValue
    arguments.tls = record.fs_base
    let top = (record.frame - Self.frameGap) & ~15
    arguments.stack = top - Self.stackByteCount
    arguments.stack_size = Self.stackByteCount
    let result: Int
    if keepsIDs {
      result =
        (try? withAddress(of: &tid) { (address) throws(Errno) in
          arguments.set_tid = address.rawValue
          arguments.set_tid_size = 1
          return Handler.cloneThread(&arguments, argument: UInt64(index))
        }) ?? 0
    } else {
      result = Handler.cloneThread(&arguments, argument: UInt64(index))
    }
    guard result > 0 else {
      WakeReport.fail(
        .cloneThread, handoff, Errno(rawValue: Int32(truncatingIfNeeded: 0 &- result)),
        subject: UInt64(UInt32(bitPattern: record.tid)))
    }
    return Int32(truncatingIfNeeded: result)
  }

  /// The present TID of the thread that had `tid` when it was saved.
  func current(of tid: Int32) -> Int32 {
    let current = root.current.covering(root.threads.count)
    for index in 0..<root.threads.count where root.threads[index].tid == tid {
      return current[index]
    }
    return tid
  }

  // MARK: A thread's own part

  /// Begins a new thread: it puts its state back, waits for all others, and goes on where it was.
  @inline(never)
  static func run(_ index: Int) {
    let frame = restore(index)
    // Of memory that is gone when the last thread has left.
    let leader = WakeState.published.leader
    Agent.parked.add(1)
    Agent.parked.wakeAll()
    let epoch = Agent.state.epoch
    while Agent.gate.value == epoch { Agent.gate.wait(while: epoch) }
    Agent.departed.add(1)
    Agent.departed.wakeAll()
    if index == leader { runHooks() }
    RemadeCalls.leave()
    ckernel_sigreturn(frame)
  }

  /// Puts the state of the calling thread back.
  ///
  /// - Returns: its signal frame.
  @inline(never)
  private static func restore(_ index: Int) -> UInt64 {
    let root = WakeState.published
    let record = root.threads[index]
    let handoff = Memory.load(ckpt_handoff.self, at: root.handoff)
    let tid = OwnThread.identifier
    replaceIdentifier(record, tid)
    var losses = RestoreLosses.none
    if record.flags & CKPT_THREAD_EXITED == 0 {
      losses = ThreadState.restore(
        from: record, affinity: root.details.base + UInt64(record.affinity.offset))
    }
    let attributes = Memory.load(ThreadAttributes.self, at: root.attributes.address(of: index))
    losses = losses | attributes.restore()
    losses =
      losses
      | Credentials.restore(
        record, securebits: attributes.securebits, root.process, situation(handoff))
    attributes.restoreDeathSignal()
    root.note(losses)
    _ = root.signals.requeue(
      of: record.tid, process: Process.ownID, current: tid,
      dropping: root.signals.agentSignals)
    return record.frame
  }

  /// With fresh ids: libc's own note of the TID lies where the kernel clears it at the end.
  private static func replaceIdentifier(_ record: ckpt_thread, _ tid: Int32) {
    guard record.tid != tid, record.clear_child_tid != 0,
      Memory.canRead(Address(record.clear_child_tid)),
      Memory.load(Int32.self, at: Address(record.clear_child_tid)) == record.tid
    else { return }
    Memory.store(tid, at: Address(record.clear_child_tid))
  }

  private static func situation(_ handoff: ckpt_handoff) -> Credentials.Situation {
    handoff.flags & CKPT_HANDOFF_PRIVATE_PIDS != 0 ? .privateNamespace : .sameNamespace
  }

  /// The main thread's own state, last: it had the privileges that the others needed.
  func restoreMain() -> RestoreLosses {
    _ = Self.restore(main)
    let losses = RestoreLosses(rawValue: root.losses.value)
    if losses.contains(.securebits) {
      WakeReport.fail(.securebits, handoff, .notPermitted, subject: 0)
    }
    return losses
  }

  /// In a thread that is back in its signal handler: a call of the program's runs all hooks itself.
  private static func runHooks() {
    if !Agent.state.call.isOn { Hooks.run(.restarted, onlyInHandler: true) }
  }

  // MARK: Leaving

  /// Opens the gate, and follows when nobody uses the kept memory any more.
  func leave() -> Never {
    let arena = root.arena
    let record = root.threads[main]
    var others = UInt32(root.threads.count)
    others -= 1
    Agent.gate.store(0)
    Agent.gate.wakeAll()
    while true {
      let departed = Agent.departed.value
      if departed >= others { break }
      Agent.departed.wait(while: departed)
    }
    Agent.departed.store(0)
    if root.leader == main { Self.runHooks() }
    Agent.leader.store(0)
    RemadeCalls.leave()
    if record.flags & CKPT_THREAD_EXITED != 0 {
      ckernel_unmap_and_exit(arena.start.rawValue, arena.byteCount)
    }
    ckernel_unmap_and_sigreturn(arena.start.rawValue, arena.byteCount, record.frame)
  }
}
