internal import CImage
internal import Kernel
internal import KernelABI

/// How threads that were asked are waited for.
extension Quiesce {
  /// A thread that has not parked is looked at after this many nanoseconds.
  private static let patience: UInt64 = 2_000_000

  private static let memberGone: Int32 = -1

  mutating func awaitParked(_ survey: inout Survey) throws(CaptureFailure) {
    while true {
      Agent.wanted.store(expected)
      let parked = Agent.parked.value
      if parked >= expected { return }
      Agent.parked.wait(while: parked, atMost: Self.patience)
      guard Agent.parked.value == parked else { continue }
      try lookAtRunning(&survey)
      if Clock.monotonic > deadline, let tid = runningThread(survey) {
        throw CaptureFailure(.stopThread, subject: UInt64(tid), reason: .threadDoesNotStop)
      }
    }
  }

  /// Looks why threads have not parked.
  ///
  /// One that has ended is expected no more; one that blocks the signal is asked by another. That
  /// it blocks all is as a rule for a moment only, and then it takes the one it has.
  private mutating func lookAtRunning(_ survey: inout Survey) throws(CaptureFailure) {
    var blocking = unreachable
    for index in 1..<max(1, survey.threads.count) where Self.isRunning(index, survey) {
      let tid = survey.threads[index].tid
      guard let status = try? ThreadStatus(of: tid, text: text) else {
        if Self.isRunning(index, survey) { drop(index, &survey) }
        continue
      }
      guard Self.isRunning(index, survey) else { continue }
      if status.isZombie {
        dropEnded(index, &survey)
      } else if status.blocked & Signal.bit(Int32(asked[index])) != 0 {
        if try !askAgain(index, status.blocked, survey) { blocking = tid }
      }
    }
    try checkReachable(blocking)
  }

  /// - Returns: false when it blocks every signal.
  private mutating func askAgain(
    _ index: Int, _ blocked: UInt64, _ survey: Survey
  ) throws(CaptureFailure) -> Bool {
    guard let signal = BorrowedSignals.reaching(blocked) else { return false }
    metBlocked = true
    // It takes one of them, and must not meet the other later.
    Agent.errands.store(Agent.errands.value | Park.Errand.drain)
    _ = try send(signal, to: index, survey)
    return true
  }

  // MARK: Slots

  /// Whether the thread of a slot was asked and has not parked.
  private static func isRunning(_ index: Int, _ survey: Survey) -> Bool {
    let record = survey.threads[index]
    return record.frame == 0 && record.tid > 0 && record.flags & CKPT_THREAD_EXITED == 0
  }

  private func runningThread(_ survey: Survey) -> Int32? {
    for index in 1..<max(1, survey.threads.count) where Self.isRunning(index, survey) {
      return survey.threads[index].tid
    }
    return nil
  }

  private mutating func dropEnded(_ index: Int, _ survey: inout Survey) {
    let tid = survey.threads[index].tid
    if tid == process {
      expected -= 1
      survey.threads.update(index) { $0.flags = CKPT_THREAD_MAIN | CKPT_THREAD_EXITED }
    } else {
      addZombie(tid)
      drop(index, &survey)
    }
  }

  /// Expects no more of a thread that ended before it took the signal.
  mutating func drop(_ index: Int, _ survey: inout Survey) {
    expected -= 1
    hasGaps = true
    survey.threads.update(index) { $0.tid = Self.memberGone }
  }

  /// Closes the gaps that vanished threads left in the table.
  static func dropVanished(_ survey: inout Survey) {
    let all = survey.root
    survey.root.threads.removeAll()
    survey.root.samples.removeAll()
    survey.root.attributes.removeAll()
    survey.root.pendingSets.removeAll()
    for index in 0..<all.threads.count where all.threads[index].tid != memberGone {
      _ = try? survey.root.threads.append(all.threads[index])
      _ = try? survey.root.samples.append(all.samples[index])
      _ = try? survey.root.attributes.append(all.attributes[index])
      _ = try? survey.root.pendingSets.append(all.pendingSets[index])
    }
    survey.root.publish()
  }
}
