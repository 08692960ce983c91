internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// What each thread notes of itself before it waits, and puts back when it is made again.
///
/// All of it runs on the thread concerned, since the kernel answers only for the caller.
enum ThreadState {
  /// Fills in everything of `record` but the frame, the flags that only the leader knows, the
  /// signal mask and the affinity.
  ///
  /// Stopped-world safe; under 600 bytes of stack.
  ///
  /// - Parameters:
  ///   - rseqHint: see `RseqProbe.find`; `record.rseq - record.fs_base` of another thread.
  ///   - rseqFeatureByteCount: AT_RSEQ_FEATURE_SIZE, 0: not there.
  @inline(never)
  static func note(
    into record: inout ckpt_thread, rseqHint: Int64 = 0, rseqFeatureByteCount: UInt32 = 0
  ) {
    record.tid = OwnThread.identifier
    record.fs_base = OwnThread.fsBase
    record.gs_base = OwnThread.gsBase
    record.robust_list = OwnThread.robustList
    record.robust_list_bytes = OwnThread.robustListByteCount
    record.clear_child_tid = OwnThread.clearChildTID
    noteRseq(into: &record, hint: rseqHint, featureByteCount: rseqFeatureByteCount)
    noteScheduling(into: &record)
    noteName(into: &record)
    noteCapabilities(into: &record)
  }

  @inline(never)
  private static func noteRseq(
    into record: inout ckpt_thread, hint: Int64, featureByteCount: UInt32
  ) {
    let found = RseqProbe.find(
      fsBase: record.fs_base, hint: hint, featureByteCount: featureByteCount)
    record.rseq = found?.area ?? 0
    record.rseq_bytes = found?.byteCount ?? 0
    record.rseq_signature = found?.signature ?? 0
  }

  @inline(never)
  private static func noteScheduling(into record: inout ckpt_thread) {
    record.nice = Scheduling.nice
    record.io_priority = Scheduling.ioPriority
    record.timer_slack = UInt64(Prctl.result(Prctl.getTimerSlack))
    guard let attributes = try? Scheduling.attributes() else { return }
    record.policy = attributes.policy
    record.priority = attributes.priority
    record.scheduling_flags = attributes.flags & Scheduling.lastingFlags
    record.deadline_runtime = attributes.runtime
    record.deadline_deadline = attributes.deadline
    record.deadline_period = attributes.period
  }

  @inline(never)
  private static func noteName(into record: inout ckpt_thread) {
    var name = InlineArray<2, UInt64>(repeating: 0)
    _ = try? withAddress(of: &name) { (address) throws(Errno) in
      try Prctl.call(Prctl.getName, address.argument)
    }
    record.name_low = name[0]
    record.name_high = name[1]
  }

  @inline(never)
  private static func noteCapabilities(into record: inout ckpt_thread) {
    guard let capabilities = try? Capabilities.current() else { return }
    record.capabilities_effective = capabilities.effective
    record.capabilities_permitted = capabilities.permitted
    record.capabilities_inheritable = capabilities.inheritable
  }
}
