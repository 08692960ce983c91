internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Stays with a program whose memory shows the image, until all of it is memory like before: a
/// process of its own that shares that memory.
///
/// It traces the program: every system call that could find out what its memory is comes by here
/// first (`CallEffect`). Meanwhile the image is read and checked into memory beside the program
/// (`MappedFill`). Then all threads are stopped for a moment, what they have written is copied, the
/// new memory takes the place of the old, and the program is let go. When something is wrong with
/// the image, or when this process is killed, the program ends.
struct Tracer: BitwiseCopyable {
  let plan: MappedPlan
  let helper: LazyHelper

  /// The program's process ID.
  let program: Int32

  /// What it is to write down.
  var training: Training

  var memory: MappedMemory
  var tracees: TracedThreads
  let reader: DataReader

  /// How threads go on that stood.
  var pace = Ptrace.Pace.freely

  /// Who comes to stand is to stay so.
  var isStopping = false

  /// All of the image was read and checked.
  var isChecked = false

  /// How often is looked for the program's beginning, and how long a stop may take, ns.
  private static let wakingInterval: UInt64 = 50_000
  private static let patience: UInt64 = 100_000_000

  init(_ plan: MappedPlan, _ helper: LazyHelper) {
    self.plan = plan
    self.helper = helper
    program = Process.ownID
    training = Training(descriptor: helper.training)
    memory = MappedMemory(plan)
    tracees = TracedThreads(plan.layout.mapped.tracees)
    var work = plan.work
    work.isLate = true
    reader = work.reader(FillWorker.limit - 1)
  }

  private var layout: LazyLayout { helper.layout }

  /// How far the agent is: `ckpt_lazy`.
  private var woken: FutexWord { FutexWord(at: layout.record + CKPT_AT_LAZY_WOKEN) }
  private static let isGoing: UInt32 = 2

  /// What the restart tells by `LazyLayout.go`.
  enum Go {
    static let trace: UInt32 = 1
    static let run: UInt32 = 2
  }

  /// What it is told by `LazyLayout.ready`.
  enum Ready {
    static let traces: UInt32 = 1
    static let refused: UInt32 = 2
  }

  // MARK: Living

  /// In the process.
  mutating func run() -> Never {
    leaveProgram()
    seize()
    do throws(RestartFailure) {
      try awaitWaking()
      try watch()
      while plan.waitsForNeed, tracees.all({ !$0.isHeld }) { try settle(Self.patience) }
      let fill = try startFill()
      try awaitFill()
      fill.awaitEnd()
      try exchange()
    } catch {
      fail(error)
    }
    helper.finish()
  }

  private func leaveProgram() {
    helper.leaveProgram(keeping: [plan.pageMap, training.descriptor], reader)
    try? Signal.setAction(ckernel_sigaction(), of: Signal.child)
  }

  private mutating func seize() {
    while layout.go.value == 0 { layout.go.wait(while: 0) }
    do throws(Errno) {
      // Threads that it makes are traced as well, and it does not outlive its tracer.
      try Ptrace.seize(program, .callsAsSuch | .newThreads | .killsAtEnd)
      _ = try tracees.index(of: program)
    } catch {
      layout.mapped.refusal.store(UInt32(bitPattern: error.rawValue))
      layout.ready.store(Ready.refused)
      layout.ready.wakeAll()
      exitGroup(status: 0)
    }
    layout.ready.store(Ready.traces)
    layout.ready.wakeAll()
  }

  /// Until the agent has made all threads.
  private mutating func awaitWaking() throws(RestartFailure) {
    while layout.go.value != Go.run || woken.value == 0 {
      try takeStops()
      layout.go.value == Go.run
        ? woken.wait(while: 0, atMost: Self.wakingInterval)
        : Self.pause(nanoseconds: Self.wakingInterval)
    }
  }

  /// From now on, every system call stops the thread that makes it.
  private mutating func watch() throws(RestartFailure) {
    pace = .byCalls
    interruptAll()
    while !tracees.all({ $0.isWatched }) {
      try takeStops()
      if !tracees.all({ $0.isWatched }) { Self.pause(nanoseconds: 1_000_000) }
    }
    let watched = FutexWord(at: layout.record + CKPT_AT_LAZY_WATCHED)
    watched.store(1)
    watched.wakeAll()
  }

  private func startFill() throws(RestartFailure) -> WorkerThread {
    try during("the program had to be ended: cannot start a thread that reads its memory") {
      () throws(Errno) in try MappedFill(plan).start()
    }
  }

  private mutating func awaitFill() throws(RestartFailure) {
    while layout.mapped.fillEnd.value == 0 {
      try takeStops()
      if layout.mapped.fillEnd.value == 0 { Self.pause(nanoseconds: Self.patience) }
    }
    guard layout.mapped.fillEnd.value == MappedFill.End.well else {
      throw layout.mapped.failure.load()
    }
    isChecked = true
  }

  /// Lets some time go by.
  private mutating func settle(
    _ nanoseconds: UInt64 = 1_000_000
  ) throws(RestartFailure) {
    Self.pause(nanoseconds: nanoseconds)
    try takeStops()
  }

  /// Waits for a change of some thread, or for the end of the reading.
  private static func pause(nanoseconds: UInt64) {
    SignalWait.await(Signal.bit(Signal.child), nanoseconds: nanoseconds)
  }

  // MARK: The stop

  /// Stops everybody, exchanges the memory, and lets go; as often as it takes.
  private mutating func exchange() throws(RestartFailure) {
    // The agent still looks at what is about to be unmapped.
    while woken.value != Self.isGoing { try settle() }
    while !(try stopAll()) {
      letGo()
      try settle()
    }
    writeDown()
    do throws(Errno) {
      try memory.replaceAll()
    } catch {
      throw RestartFailure(
        .failed, "the program had to be ended: its memory could not be put in its place",
        errno: error, hint: "vm.max_map_count may be too low")
    }
    for index in 0..<tracees.count {
      Ptrace.detach(tracees[index].thread, signal: tracees[index].signal)
    }
  }

  /// - Returns: false when somebody could not be stopped in time.
  private mutating func stopAll() throws(RestartFailure) -> Bool {
    isStopping = true
    interruptAll()
    let deadline = Clock.monotonic + Self.patience
    while true {
      try takeStops()
      if tracees.all({ $0.state == .stands }) { return true }
      guard Clock.monotonic < deadline else { return false }
      Self.pause(nanoseconds: 1_000_000)
    }
  }

  /// Lets everybody go on whom nothing holds.
  private mutating func letGo() {
    isStopping = false
    for index in 0..<tracees.count {
      if tracees[index].state == .stands, !tracees[index].isHeld { goOn(index) }
    }
  }

  private func interruptAll() {
    for index in 0..<tracees.count where tracees[index].state != .stands {
      tracees[index].isInterrupted = true
      try? Ptrace.interrupt(tracees[index].thread)
    }
  }

  // MARK: Ending

  /// Says why, and ends the program.
  private func fail(_ failure: RestartFailure) -> Never {
    helper.tell(failure)
    // Those who are traced go with their tracer, but nothing is to be left to that.
    try? Process.send(Signal.kill, to: program)
    exitGroup(status: failure.status.rawValue)
  }

  /// The program is gone, all of it.
  func end() -> Never { exitGroup(status: 0) }
}
