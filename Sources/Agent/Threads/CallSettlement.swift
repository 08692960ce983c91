internal import CImage
internal import Kernel
internal import KernelABI

/// Settles the interrupted calls of all stopped threads: "no spurious EINTR".
///
/// Happens once in a stop, whether a checkpoint comes of it or not, before the frames are saved.
/// Stopped-world safe.
enum CallSettlement {
  /// Notes the signal actions and the signals pending for the process on the way, since what a
  /// call does depends on them.
  ///
  /// - Parameter isWhole: whether all threads are parked: else some may wait with a slot's time.
  static func run(_ survey: inout Survey, isWhole: Bool) throws(Errno) {
    try survey.root.signals.captureActions()
    var shared = try survey.root.signals.noteShared()
    if isWhole { TimeoutSlots.freeAll() }
    for index in 0..<survey.threads.count where survey.threads[index].frame != 0 {
      InterruptedCalls.keepTimeout(frame: Address(survey.threads[index].frame))
    }
    // The main thread first: the kernel prefers it for signals sent to the process.
    let main = Process.ownID
    for index in 0..<survey.threads.count where survey.threads[index].tid == main {
      settle(index, &shared, survey)
    }
    for index in 0..<survey.threads.count where survey.threads[index].tid != main {
      settle(index, &shared, survey)
    }
    survey.root.publish()
  }

  private static func settle(_ index: Int, _ shared: inout UInt64, _ survey: Survey) {
    let record = survey.threads[index]
    guard record.frame != 0 else { return }
    let outcome = InterruptedCalls.settle(
      frame: Address(record.frame),
      InterruptedCalls.Thread(
        identifier: record.tid, sample: survey.root.samples[index],
        pending: survey.root.pendingSets[index]),
      shared: &shared, survey.root.signals,
      ignoring: survey.root.signals.agentSignals)
    survey.threads.update(index) {
      $0.system_call = outcome.systemCall
      $0.waited = outcome.waited
      if outcome.systemCall >= 0 { $0.flags |= CKPT_THREAD_RESTARTED_CALL }
    }
  }
}
