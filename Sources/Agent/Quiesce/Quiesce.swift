internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Brings every thread of the process to rest.
///
/// The leader lists the threads and sends each a queued signal that it does not block, until a
/// listing shows no thread that isn't parked. Stopped-world safe.
struct Quiesce: ~Copyable {
  private let epoch: UInt32
  private let process: Int32
  private let own: Int32
  private let text: Address
  private var sampler: CallSampler
  private let deadline: UInt64

  /// Slots whose thread was sent a signal and did not vanish.
  private var expected: UInt32 = 0

  /// A thread that has not parked is looked for again after this many nanoseconds.
  private static let patience: UInt64 = 2_000_000

  /// So many nanoseconds a thread may block every signal: glibc does so while it makes a thread and
  /// while it ends one.
  private static let blockingPatience: UInt64 = 20_000_000

  private static let memberGone: Int32 = -1

  /// A thread that no signal reached in the last listing, and since when there was one.
  private var unreachable: Int32 = 0
  private var unreachableSince: UInt64 = 0

  /// The threads of the last listing that had ended; a tracer keeps some for long.
  private var zombies = InlineArray<16, Int32>(repeating: 0)
  private var zombieCount = 0

  /// Stops all threads but the caller, whose record must be the first.
  ///
  /// - Parameter deadline: by CLOCK_MONOTONIC, in nanoseconds.
  /// - Throws: naming the thread that did not stop; the others wait until `Gate.open`. With
  ///   `threadBlocksEverySignal` it is worth while to let them go and to try again: the thread may
  ///   wait for a lock that one of the others holds.
  static func run(_ survey: inout Survey, deadline: UInt64) throws(CaptureFailure) {
    let mark = survey.scratch.next
    var quiesce = try during(.prepare) { () throws(Errno) in
      try Quiesce(&survey.scratch, deadline: deadline)
    }
    do throws(CaptureFailure) {
      while true {
        let hasNewcomers = try quiesce.stopNewcomers(&survey)
        if !hasNewcomers, try quiesce.hasAll(survey) { break }
        try quiesce.awaitParked(&survey)
        try quiesce.awaitReachable()
      }
    } catch {
      BorrowedSignals.giveBack()
      throw error
    }
    BorrowedSignals.giveBack()
    dropVanished(&survey)
    survey.scratch.rewind(to: mark)
  }

  private init(_ scratch: inout Arena, deadline: UInt64) throws(Errno) {
    let text = try scratch.reserve(ThreadStatus.textCapacity)
    sampler = try CallSampler(in: &scratch)
    self.text = text
    epoch = Agent.gate.value
    process = Int32(rawSystemCall(SyscallNumber.getpid))
    own = Int32(rawSystemCall(SyscallNumber.gettid))
    self.deadline = deadline
  }

  // MARK: Asking

  /// Lists the threads and signals those that have no slot yet.
  ///
  /// - Returns: whether there was any.
  private mutating func stopNewcomers(_ survey: inout Survey) throws(CaptureFailure) -> Bool {
    var hasNewcomers = false
    unreachable = 0
    zombieCount = 0
    Agent.wanted.store(UInt32.max)
    var tasks = try listing()
    var cursor = 0
    while let tid = try during(.stopThread, { () throws(Errno) in try tasks.next() }) {
      guard tid != own, !isKnown(tid, survey, &cursor) else { continue }
      if try stop(tid, &survey) { hasNewcomers = true }
    }
    return hasNewcomers
  }

  /// Whether the process has no more threads than were found.
  ///
  /// A listing alone does not tell: the kernel ends it early at a thread that is just gone (`fs/proc/
  /// base.c`, next_tid). Threads that are parked don't end, so an equal number is proof, provided
  /// that those counted as ended are still to be seen after it was read.
  private mutating func hasAll(_ survey: Survey) throws(CaptureFailure) -> Bool {
    guard let status = try? ThreadStatus(of: own, text: text) else { return true }
    var found = zombieCount
    for index in 0..<survey.threads.count where survey.threads[index].tid > 0 { found += 1 }
    if status.processThreads <= found, areThereStill() { return true }
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

  private func areThereStill() -> Bool {
    for index in 0..<zombieCount {
      guard let status = try? ThreadStatus(of: zombies[index], text: text), status.isZombie else {
        return false
      }
    }
    return true
  }

  /// Whether a slot has this TID, the first field of a record; the kernel lists threads in the order they were made, as we do.
  private func isKnown(_ tid: Int32, _ survey: Survey, _ cursor: inout Int) -> Bool {
    let count = survey.threads.count
    for step in 0..<count {
      let index = (cursor + step) % count
      if Memory.load(Int32.self, at: survey.threads.address(of: index)) == tid {
        cursor = index + 1
        return true
      }
    }
    return false
  }

  /// Gives a thread a slot and sends it the request.
  ///
  /// - Returns: whether to list the threads again. Also when the thread is just ending: after the
  ///   listing it may have made another.
  private mutating func stop(_ tid: Int32, _ survey: inout Survey) throws(CaptureFailure) -> Bool {
    guard let status = try? ThreadStatus(of: tid, text: text) else { return true }
    var record = ckpt_thread()
    record.tid = tid
    if status.isZombie {
      guard tid == process else {
        guard zombieCount < zombies.count else { return true }
        zombies[zombieCount] = tid
        zombieCount += 1
        return false
      }
      record.flags = CKPT_THREAD_MAIN | CKPT_THREAD_EXITED
      try add(record, .none, &survey)
      return false
    }
    guard let signal = BorrowedSignals.reaching(status.blocked) else {
      unreachable = tid
      return true
    }
    try during(.stopThread, on: UInt64(tid)) { () throws(Errno) in
      try BorrowedSignals.borrow(signal)
    }
    let index = survey.threads.count
    try add(record, sampler.sample(tid), &survey)
    var info = ckernel_siginfo()
    info.signal = signal
    info.code = Signal.queued
    info.pid = process
    info.value = StopRequest.value(epoch: epoch, index: index)
    do throws(Errno) {
      try Signal.queue(info, process: process, thread: tid, signal: signal)
    } catch {
      guard error == .noSuchProcess else {
        throw CaptureFailure(.stopThread, error, subject: UInt64(tid))
      }
      markVanished(index, &survey)
      return true
    }
    expected += 1
    return true
  }

  private func add(
    _ record: ckpt_thread, _ sample: CallSample, _ survey: inout Survey
  ) throws(CaptureFailure) {
    try during(.prepare) { () throws(Errno) in
      try survey.root.threads.append(record)
      try survey.root.samples.append(sample)
      try survey.root.pendingSets.append(0)
      survey.root.publish()
    }
  }

  // MARK: Waiting

  /// Gives a thread that blocks every signal a moment before the next listing.
  private mutating func awaitReachable() throws(CaptureFailure) {
    guard unreachable != 0 else {
      unreachableSince = 0
      return
    }
    let now = Clock.monotonic
    if unreachableSince == 0 { unreachableSince = now }
    guard now - unreachableSince < Self.blockingPatience else {
      throw CaptureFailure(
        .stopThread, subject: UInt64(unreachable), reason: .threadBlocksEverySignal)
    }
    Agent.wanted.store(0)
    let parked = Agent.parked.value
    Agent.parked.wait(while: parked, atMost: 50_000)
  }

  private mutating func awaitParked(_ survey: inout Survey) throws(CaptureFailure) {
    while true {
      Agent.wanted.store(expected)
      let parked = Agent.parked.value
      if parked >= expected { return }
      Agent.parked.wait(while: parked, atMost: Self.patience)
      guard Agent.parked.value == parked else { continue }
      dropEnded(&survey)
      if Clock.monotonic > deadline, let tid = runningThread(survey) {
        throw CaptureFailure(.stopThread, subject: UInt64(tid), reason: .threadDoesNotStop)
      }
    }
  }

  /// Expects no more of threads that ended before they took the signal.
  private mutating func dropEnded(_ survey: inout Survey) {
    for index in 1..<max(1, survey.threads.count) {
      let record = survey.threads[index]
      guard record.frame == 0, record.tid > 0, record.flags & CKPT_THREAD_EXITED == 0 else {
        continue
      }
      if let status = try? ThreadStatus(of: record.tid, text: text) {
        guard status.isZombie, survey.threads[index].frame == 0 else { continue }
        expected -= 1
        if record.tid == process {
          survey.threads.update(index) { $0.flags = CKPT_THREAD_MAIN | CKPT_THREAD_EXITED }
        } else {
          markVanished(index, &survey)
        }
      } else if survey.threads[index].frame == 0 {
        expected -= 1
        markVanished(index, &survey)
      }
    }
  }

  private func markVanished(_ index: Int, _ survey: inout Survey) {
    survey.threads.update(index) { $0.tid = Self.memberGone }
  }

  /// Closes the gaps that vanished threads left in the table.
  private static func dropVanished(_ survey: inout Survey) {
    let all = survey.root
    survey.root.threads.removeAll()
    survey.root.samples.removeAll()
    survey.root.pendingSets.removeAll()
    for index in 0..<all.threads.count where all.threads[index].tid != memberGone {
      _ = try? survey.root.threads.append(all.threads[index])
      _ = try? survey.root.samples.append(all.samples[index])
      _ = try? survey.root.pendingSets.append(all.pendingSets[index])
    }
    survey.root.publish()
  }

  private func runningThread(_ survey: Survey) -> Int32? {
    for index in 1..<max(1, survey.threads.count) {
      let record = survey.threads[index]
      if record.frame == 0, record.tid > 0, record.flags & CKPT_THREAD_EXITED == 0 {
        return record.tid
      }
    }
    return nil
  }
}

/// The gate that parked threads wait at.
enum Gate {
  /// Begins a stop: requests with the new epoch are good from now on.
  ///
  /// Arrivals and departures are never counted anew: a thread with an old request may be between
  /// the two at any time.
  static func close() {
    var epoch = (Agent.state.epoch &+ 1) & 0xFFFF
    if epoch == 0 { epoch = 1 }
    Agent.state.epoch = epoch
    Agent.parked.store(0)
    Agent.gate.store(epoch)
  }

  /// Lets the parked threads go, and waits until none of them uses the agent's memory.
  ///
  /// A thread that arrives later finds its request stale.
  static func open() {
    Agent.gate.store(0)
    Agent.gate.wakeAll()
    while true {
      let departed = Agent.departed.value
      if departed == Agent.arrived.value { return }
      Agent.departed.wait(while: departed)
    }
  }
}
