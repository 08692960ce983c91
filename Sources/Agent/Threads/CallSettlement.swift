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
  static func run(_ draft: inout ImageDraft, isWhole: Bool) throws(Errno) {
    try draft.root.signals.captureActions()
    var shared = try draft.root.signals.noteShared()
    if isWhole { TimeoutSlots.freeAll() }
    for index in 0..<draft.threads.count where draft.threads[index].frame != 0 {
      InterruptedCalls.keepTimeout(frame: Address(draft.threads[index].frame))
    }
    // The main thread first: the kernel prefers it for signals sent to the process.
    let main = Process.ownID
    for index in 0..<draft.threads.count where draft.threads[index].tid == main {
      settle(index, &shared, draft)
    }
    for index in 0..<draft.threads.count where draft.threads[index].tid != main {
      settle(index, &shared, draft)
    }
    draft.root.publish()
  }

  private static func settle(_ index: Int, _ shared: inout UInt64, _ draft: ImageDraft) {
    let record = draft.threads[index]
    guard record.frame != 0 else { return }
    let outcome = InterruptedCalls.settle(
      frame: Address(record.frame),
      InterruptedCalls.Thread(
        identifier: record.tid, sample: draft.root.samples[index],
        pending: draft.root.pendingSets[index]),
      shared: &shared, draft.root.signals,
      ignoring: draft.root.signals.agentSignals)
    draft.threads.update(index) {
      $0.system_call = outcome.systemCall
      $0.waited = outcome.waited
      if outcome.systemCall >= 0 { $0.flags |= CKPT_THREAD_RESTARTED_CALL }
    }
  }
}
