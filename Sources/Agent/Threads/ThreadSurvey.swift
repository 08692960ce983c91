internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What the leader adds to the threads' own notes.
///
/// Stopped-world safe.
enum ThreadSurvey {
  /// CPUs that a set has room for: 8,192, the most that Linux can be built with.
  private static let affinityCapacity: UInt64 = 1024

  static func run(_ draft: inout ImageDraft) throws(CaptureFailure) {
    let process = Process.ownID
    let leader = OwnThread.identifier
    for index in 0..<draft.threads.count {
      let tid = draft.threads[index].tid
      let affinity = try during(.threadState, on: UInt64(tid)) { () throws(Errno) in
        try noteAffinity(of: tid, &draft)
      }
      draft.threads.update(index) {
        $0.affinity = affinity
        if tid == process { $0.flags |= CKPT_THREAD_MAIN }
        if tid == leader { $0.flags |= CKPT_THREAD_LEADER }
        if $0.rseq != 0 { Agent.state.rseqHint = Int64(bitPattern: $0.rseq &- $0.fs_base) }
      }
      if tid == leader { draft.root.leader = index }
    }
  }

  /// Appends the CPU set to the details; threads with the same one share it.
  private static func noteAffinity(
    of tid: Int32, _ draft: inout ImageDraft
  ) throws(Errno) -> ckpt_detail {
    draft.root.details.align()
    guard draft.details.free >= affinityCapacity else { throw .outOfMemory }
    let place = draft.details.next
    let count: UInt64
    do throws(Errno) {
      // Source: sched_getaffinity(2): the call, unlike glibc's, returns the bytes it stored.
      count = try Scheduling.affinity(of: tid, to: place, capacity: UInt64(affinityCapacity))
    } catch {
      return ckpt_detail()
    }
    if let last = lastAffinity(draft), isSame(last, at: place, byteCount: count, draft) {
      return last
    }
    return ckpt_detail(
      offset: UInt32(draft.root.details.claim(count)), byte_count: UInt32(count))
  }

  private static func lastAffinity(_ draft: ImageDraft) -> ckpt_detail? {
    for index in 0..<min(draft.threads.count, 1)
    where draft.threads[index].affinity.byte_count > 0 {
      return draft.threads[index].affinity
    }
    return nil
  }

  private static func isSame(
    _ detail: ckpt_detail, at place: Address, byteCount: UInt64, _ draft: ImageDraft
  ) -> Bool {
    guard UInt64(detail.byte_count) == byteCount else { return false }
    let other = draft.details.base + UInt64(detail.offset)
    var offset: UInt64 = 0
    while offset < byteCount {
      guard Memory.load(UInt64.self, at: place + offset) == Memory.load(at: other + offset) else {
        return false
      }
      offset += 8
    }
    return true
  }
}
