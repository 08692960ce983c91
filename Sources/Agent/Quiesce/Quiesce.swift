internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Brings every thread of the process to rest.
///
/// The leader lists the threads and sends each a queued signal, until as many are parked as the
/// process has. Stopped-world safe.
struct Quiesce: ~Copyable {
  let epoch: UInt32
  let process: Int32
  let own: Int32
  let text: Address
  let deadline: UInt64
  var sampler: CallSampler

  /// Slots whose thread was sent a signal and did not vanish.
  var expected: UInt32 = 0

  /// The signal that the thread of each slot was asked by last.
  var asked: Table<UInt8>

  /// Whether each thread's mask is looked at before it is asked.
  ///
  /// That takes as long as all the rest of asking. So the agent's own signal is sent at once, and
  /// only those that don't stop are looked at; but not where the program has taken that signal for
  /// itself, or had threads that block it the last time.
  var looksFirst: Bool

  /// Whether a thread blocked the agent's own signal.
  var metBlocked = false

  /// Whether threads may be traced, as far as is known.
  var canTrace = true

  /// The highest TID that was asked.
  var highest: Int32 = 0

  /// Whether there are slots of threads that ended.
  var hasGaps = false

  /// A thread that was not asked, since no signal reaches it.
  var unreachable: Int32 = 0

  /// Since when there was a thread that no signal reaches, asked or not.
  private var unreachableSince: UInt64 = 0

  /// Threads that have ended and aren't buried; a tracer keeps some for long.
  private var zombies = InlineArray<16, Int32>(repeating: 0)
  private var zombieCount = 0

  /// So many nanoseconds a thread may block every signal: glibc does so while it makes a thread and
  /// while it ends one.
  private static let blockingPatience: UInt64 = 20_000_000

  /// Stops all threads but the caller, whose record must be the first.
  ///
  /// - Parameter deadline: by CLOCK_MONOTONIC, in nanoseconds.
  /// - Throws: naming the thread that did not stop; the others wait until `Gate.open`. With
  ///   `threadBlocksEverySignal` it is worth while to let them go and to try again: the thread may
  ///   wait for a lock that one of the others holds.
  static func run(_ draft: inout ImageDraft, deadline: UInt64) throws(CaptureFailure) {
    let mark = draft.scratch.next
    var quiesce = try during(.prepare) { () throws(Errno) in
      try Quiesce(draft, &draft.scratch, deadline: deadline)
    }
    do throws(CaptureFailure) {
      repeat {
        try quiesce.stopNewcomers(&draft)
        try quiesce.awaitParked(&draft)
        try quiesce.awaitReachable(&draft)
      } while try !quiesce.hasAll(draft)
    } catch {
      BorrowedSignals.giveBack()
      throw error
    }
    BorrowedSignals.giveBack()
    Agent.state.looksFirst = quiesce.metBlocked
    if quiesce.hasGaps { dropVanished(&draft) }
    draft.scratch.rewind(to: mark)
  }

  private init(_ draft: ImageDraft, _ scratch: inout Arena, deadline: UInt64) throws(Errno) {
    let text = try scratch.reserve(ThreadStatus.textCapacity)
    var asked = try Table<UInt8>(in: &scratch, capacity: draft.threads.capacity)
    try asked.append(0)
    let isOurs = try Signal.action(of: Configuration.controlSignal).handler == Handler.address
    sampler = try CallSampler(in: &scratch)
    self.asked = asked
    self.text = text
    let blocked = draft.threads[0].signal_mask & Signal.bit(Configuration.controlSignal) != 0
    looksFirst = Agent.state.looksFirst || !isOurs || blocked
    epoch = Agent.gate.value
    process = Process.ownID
    own = OwnThread.identifier
    self.deadline = deadline
  }

  // MARK: All of them

  /// Lists the threads and signals those that have no slot yet.
  private mutating func stopNewcomers(_ draft: inout ImageDraft) throws(CaptureFailure) {
    unreachable = 0
    Agent.wanted.store(UInt32.max)
    var tasks = try listing()
    sampler.tasks = tasks.descriptorNumber
    var cursor = 0
    while let tid = try during(.stopThread, { () throws(Errno) in try tasks.next() }) {
      guard tid != own, !isKnown(tid, draft, &cursor), !isZombie(tid) else { continue }
      try stop(tid, &draft)
    }
  }

  /// Whether the process has no more threads than were found.
  ///
  /// A listing alone does not tell: the kernel ends it early at a thread that is just gone (`fs/proc/
  /// base.c`, next_tid). Threads that are parked don't end, so an equal number is proof, provided
  /// that those counted as ended are still to be seen after it was read.
  private mutating func hasAll(_ draft: ImageDraft) throws(CaptureFailure) -> Bool {
    if unreachable == 0 {
      guard let status = try? ThreadStatus(of: own, text: text) else { return true }
      var found = zombieCount
      for index in 0..<draft.threads.count where draft.threads[index].tid > 0 { found += 1 }
      if status.processThreads <= found, areThereStill() { return true }
    }
    guard Clock.monotonic < deadline else {
      throw CaptureFailure(.stopThread, reason: .threadDoesNotStop)
    }
    return false
  }

  private func listing() throws(CaptureFailure) -> NumberedEntries {
    do throws(Errno) {
      return try NumberedEntries("/proc/self/task")
    } catch {
      let isFull = error == .tooManyOpen
      throw CaptureFailure(
        isFull ? .descriptors : .stopThread, error,
        reason: isFull ? .tooManyDescriptors : .unspecified)
    }
  }

  /// Whether a slot has this TID, the first field of a record.
  ///
  /// The kernel lists threads in the order they were made, as we do, and most often that of their
  /// TIDs; one may come twice.
  private func isKnown(_ tid: Int32, _ draft: ImageDraft, _ cursor: inout Int) -> Bool {
    guard tid <= highest else { return false }
    let count = draft.threads.count
    for step in 0..<count {
      let index = (cursor + step) % count
      if Memory.load(Int32.self, at: draft.threads.address(of: index)) == tid {
        cursor = index + 1
        return true
      }
    }
    return false
  }

  // MARK: Threads that have ended

  /// Notes one that is not the main thread.
  mutating func addZombie(_ tid: Int32) {
    guard zombieCount < zombies.count else { return }
    zombies[zombieCount] = tid
    zombieCount += 1
  }

  private func isZombie(_ tid: Int32) -> Bool {
    for index in 0..<zombieCount where zombies[index] == tid { return true }
    return false
  }

  /// When one is gone, all are looked for again.
  private mutating func areThereStill() -> Bool {
    for index in 0..<zombieCount {
      guard let status = try? ThreadStatus(of: zombies[index], text: text), status.isZombie else {
        zombieCount = 0
        return false
      }
    }
    return true
  }

  // MARK: Threads that block every signal

  /// Gives a thread that blocks every signal, and was not asked, a moment before the next listing.
  private mutating func awaitReachable(_ draft: inout ImageDraft) throws(CaptureFailure) {
    guard unreachable != 0 else { return try checkReachable(0) }
    if isTimeToTrace, try trace(newcomer: unreachable, &draft) { return try checkReachable(0) }
    try checkReachable(unreachable)
    Agent.wanted.store(0)
    let parked = Agent.parked.value
    Agent.parked.wait(while: parked, atMost: 50_000)
  }

  /// Whether a thread has blocked every signal for longer than one that is being made as a rule.
  var isTimeToTrace: Bool {
    canTrace && unreachableSince != 0 && Clock.monotonic - unreachableSince > Self.tracingPatience
  }

  private static let tracingPatience: UInt64 = 2_000_000

  /// - Parameter tid: a thread that no signal reaches, 0: there is none.
  /// - Throws: when for too long there was one.
  mutating func checkReachable(_ tid: Int32) throws(CaptureFailure) {
    guard tid != 0 else {
      unreachableSince = 0
      return
    }
    let now = Clock.monotonic
    if unreachableSince == 0 { unreachableSince = now }
    guard now - unreachableSince < Self.blockingPatience else {
      throw CaptureFailure(
        .stopThread, subject: UInt64(tid), reason: .threadBlocksEverySignal)
    }
  }
}
