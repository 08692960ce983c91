internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// How threads that were asked are waited for.
extension Quiesce {
  /// A thread that has not parked is looked at after this many nanoseconds.
  private static let patience: UInt64 = 2_000_000

  private static let memberGone: Int32 = -1

  mutating func awaitParked(_ draft: inout ImageDraft) throws(CaptureFailure) {
    while true {
      Agent.wanted.store(expected)
      let parked = Agent.parked.value
      if parked >= expected { return }
      Agent.parked.wait(while: parked, atMost: Self.patience)
      guard Agent.parked.value == parked else { continue }
      try lookAtRunning(&draft)
      if Clock.monotonic > deadline, let tid = runningThread(draft) {
        throw CaptureFailure(.stopThread, subject: UInt64(tid), reason: .threadDoesNotStop)
      }
    }
  }

  /// Looks why threads have not parked.
  ///
  /// One that has ended is expected no more; one that blocks the signal is asked by another. That
  /// it blocks all is as a rule for a moment only, and then it takes the one it has.
  private mutating func lookAtRunning(_ draft: inout ImageDraft) throws(CaptureFailure) {
    var blocking = unreachable
    for index in 1..<max(1, draft.threads.count) where Self.isRunning(index, draft) {
      let tid = draft.threads[index].tid
      guard let status = try? ThreadStatus(of: tid, text: text) else {
        if Self.isRunning(index, draft) { drop(index, &draft) }
        continue
      }
      guard Self.isRunning(index, draft) else { continue }
      if status.isZombie {
        dropEnded(index, &draft)
      } else if status.blocked & Signal.bit(Int32(asked[index])) != 0 {
        if try !askAgain(index, status.blocked, &draft) { blocking = tid }
      }
    }
    try checkReachable(blocking)
  }

  /// - Returns: false when it blocks every signal.
  private mutating func askAgain(
    _ index: Int, _ blocked: UInt64, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> Bool {
    // It takes one of them, and must not meet the other later.
    Agent.errands.store(Agent.errands.value | Park.Errand.drain)
    guard let signal = BorrowedSignals.reaching(blocked) else {
      guard isTimeToTrace else { return false }
      return try trace(index, &draft)
    }
    metBlocked = true
    _ = try send(signal, to: index, draft)
    return true
  }

  // MARK: Slots

  /// Whether the thread of a slot was asked and has not parked.
  private static func isRunning(_ index: Int, _ draft: ImageDraft) -> Bool {
    let record = draft.threads[index]
    return record.frame == 0 && record.tid > 0 && record.flags & CKPT_THREAD_EXITED == 0
  }

  private func runningThread(_ draft: ImageDraft) -> Int32? {
    for index in 1..<max(1, draft.threads.count) where Self.isRunning(index, draft) {
      return draft.threads[index].tid
    }
    return nil
  }

  private mutating func dropEnded(_ index: Int, _ draft: inout ImageDraft) {
    let tid = draft.threads[index].tid
    if tid == process {
      expected -= 1
      draft.threads.update(index) { $0.flags = CKPT_THREAD_MAIN | CKPT_THREAD_EXITED }
    } else {
      addZombie(tid)
      drop(index, &draft)
    }
  }

  /// Expects no more of a thread that ended before it took the signal.
  mutating func drop(_ index: Int, _ draft: inout ImageDraft) {
    expected -= 1
    hasGaps = true
    draft.threads.update(index) { $0.tid = Self.memberGone }
  }

  /// Closes the gaps that vanished threads left in the table.
  static func dropVanished(_ draft: inout ImageDraft) {
    let all = draft.root
    draft.root.threads.removeAll()
    draft.root.samples.removeAll()
    draft.root.attributes.removeAll()
    draft.root.pendingSets.removeAll()
    for index in 0..<all.threads.count where all.threads[index].tid != memberGone {
      _ = try? draft.root.threads.append(all.threads[index])
      _ = try? draft.root.samples.append(all.samples[index])
      _ = try? draft.root.attributes.append(all.attributes[index])
      _ = try? draft.root.pendingSets.append(all.pendingSets[index])
    }
    draft.root.publish()
  }
}
