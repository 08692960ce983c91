internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// What could not be put back, and was left as the machine has it.
///
/// Bits, so that threads can add theirs to one word atomically.
struct RestoreLosses: FlagSet {
  let rawValue: UInt32
  init(rawValue: UInt32) { self.rawValue = rawValue }
  static let rseq = RestoreLosses(rawValue: 1)
  static let scheduling = RestoreLosses(rawValue: 2)
  static let nice = RestoreLosses(rawValue: 4)
  static let ioPriority = RestoreLosses(rawValue: 8)
  static let affinity = RestoreLosses(rawValue: 16)
  static let capabilities = RestoreLosses(rawValue: 32)
  static let robustList = RestoreLosses(rawValue: 64)
  static let name = RestoreLosses(rawValue: 128)
  static let limits = RestoreLosses(rawValue: 256)
  static let memoryMap = RestoreLosses(rawValue: 512)
  static let executable = RestoreLosses(rawValue: 1024)
  static let processFlags = RestoreLosses(rawValue: 2048)
  static let outOfMemoryScore = RestoreLosses(rawValue: 4096)
  static let signals = RestoreLosses(rawValue: 8192)
  static let timers = RestoreLosses(rawValue: 16384)
  static let pendingSignals = RestoreLosses(rawValue: 32768)
  static let directory = RestoreLosses(rawValue: 65536)
  static let groups = RestoreLosses(rawValue: 1 << 17)
  static let ids = RestoreLosses(rawValue: 1 << 18)
  static let securebits = RestoreLosses(rawValue: 1 << 19)
  static let threadAttributes = RestoreLosses(rawValue: 1 << 20)
  static let registrations = RestoreLosses(rawValue: 1 << 21)
  static let locks = RestoreLosses(rawValue: 1 << 22)
  static let threadAddresses = RestoreLosses(rawValue: 1 << 23)

  /// Without them the program would run wrong: it must not run.
  static let fatal: RestoreLosses =
    .robustList | .threadAddresses | .signals | .timers | .pendingSignals
}

extension ThreadState {
  /// Puts back what `note` found, on the new thread itself; capabilities are `Credentials`' affair.
  ///
  /// Nothing here is fatal: a priority that this machine's owner does not grant is a loss, and the
  /// program goes on.
  ///
  /// Stopped-world safe; under 600 bytes of stack.
  ///
  /// - Parameters:
  ///   - record: what the thread noted.
  ///   - affinity: where the bytes of `record.affinity` lie in restored memory.
  /// - Returns: what could not be put back.
  @inline(never)
  static func restore(from record: ckpt_thread, affinity: Address) -> RestoreLosses {
    var losses = restoreAddresses(record)
    losses = losses | restoreRseq(record)
    losses = losses | restoreName(record)
    losses = losses | restoreAffinity(record, affinity)
    return losses | restoreScheduling(record)
  }

  @inline(never)
  private static func restoreAddresses(_ record: ckpt_thread) -> RestoreLosses {
    let losses = losing(.threadAddresses) { () throws(Errno) in
      if record.fs_base != OwnThread.fsBase { try OwnThread.setFSBase(record.fs_base) }
      if record.gs_base != OwnThread.gsBase { try OwnThread.setGSBase(record.gs_base) }
      try OwnThread.setClearChildTID(record.clear_child_tid)
    }
    guard record.robust_list != 0 else { return losses }
    return losses
      | losing(.robustList) { () throws(Errno) in
        try OwnThread.setRobustList(record.robust_list)
      }
  }

  /// Registers the area again.
  ///
  /// The critical section that `rseq_cs` may still name was left long ago: the signal aborted it.
  /// Kernels before 6.0 end a thread that registers with a stale one.
  @inline(never)
  private static func restoreRseq(_ record: ckpt_thread) -> RestoreLosses {
    guard record.rseq != 0 else { return .none }
    Memory.store(UInt64(0), at: Address(record.rseq) + 8)
    return losing(.rseq) { () throws(Errno) in
      _ = try decoded(
        OwnThread.registerRseq(
          at: record.rseq, byteCount: record.rseq_bytes, signature: record.rseq_signature))
    }
  }

  @inline(never)
  private static func restoreName(_ record: ckpt_thread) -> RestoreLosses {
    var name = InlineArray<2, UInt64>(repeating: record.name_low)
    name[1] = record.name_high
    return losing(.name) { () throws(Errno) in
      try withAddress(of: &name) { (address) throws(Errno) in
        _ = try Prctl.call(Prctl.setName, address.argument)
      }
    }
  }

  /// CPUs that this machine has not got are left out by the kernel; EINVAL if none remains.
  @inline(never)
  private static func restoreAffinity(
    _ record: ckpt_thread, _ affinity: Address
  ) -> RestoreLosses {
    let byteCount = UInt64(record.affinity.byte_count)
    guard byteCount > 0, !hasAffinity(at: affinity, byteCount: byteCount) else { return .none }
    return losing(.affinity) { () throws(Errno) in
      try Scheduling.setAffinity(at: affinity, byteCount: byteCount)
    }
  }

  /// Whether the caller may run just there already.
  ///
  /// Setting a set, even the same, makes the kernel keep to it when CPUs are added later.
  @inline(never)
  private static func hasAffinity(at wanted: Address, byteCount: UInt64) -> Bool {
    var current = InlineArray<16, UInt64>(repeating: 0)
    let same = try? withAddress(of: &current) { (current) throws(Errno) in
      let count = try Scheduling.affinity(of: 0, to: current, capacity: 128)
      for index in 0..<max(count, byteCount) {
        let have = index < count ? Memory.load(UInt8.self, at: current + index) : 0
        let want = index < byteCount ? Memory.load(UInt8.self, at: wanted + index) : 0
        guard have == want else { return false }
      }
      return true
    }
    return same ?? false
  }

  @inline(never)
  private static func restoreScheduling(_ record: ckpt_thread) -> RestoreLosses {
    var losses = RestoreLosses.none
    if UInt64(Prctl.result(Prctl.getTimerSlack)) != record.timer_slack {
      _ = try? Prctl.call(Prctl.setTimerSlack, Int(bitPattern: UInt(record.timer_slack)))
    }
    if Scheduling.ioPriority != record.io_priority {
      losses =
        losses
        | losing(.ioPriority) { () throws(Errno) in
          try Scheduling.setIOPriority(record.io_priority)
        }
    }
    if Scheduling.nice != record.nice {
      losses =
        losses
        | losing(.nice) { () throws(Errno) in
          try Scheduling.setNice(record.nice)
        }
    }
    return losses | restorePolicy(record)
  }

  @inline(never)
  private static func restorePolicy(_ record: ckpt_thread) -> RestoreLosses {
    guard let current = try? Scheduling.attributes() else { return .scheduling }
    let isDeadline = record.policy == Scheduling.deadlinePolicy
    if current.policy == record.policy, current.priority == record.priority,
      current.flags & Scheduling.lastingFlags == record.scheduling_flags, !isDeadline
    {
      return .none
    }
    var attributes = ckernel_sched_attr()
    attributes.policy = record.policy
    attributes.priority = record.priority
    attributes.flags = record.scheduling_flags
    attributes.nice = Scheduling.nice
    if isDeadline {
      attributes.runtime = record.deadline_runtime
      attributes.deadline = record.deadline_deadline
      attributes.period = record.deadline_period
    }
    return losing(.scheduling) { () throws(Errno) in
      try Scheduling.setAttributes(attributes)
    }
  }
}

/// Runs `body`; a refusal by the kernel is `loss`.
@inline(__always)
func losing(_ loss: RestoreLosses, _ body: () throws(Errno) -> Void) -> RestoreLosses {
  do throws(Errno) {
    try body()
    return .none
  } catch {
    return loss
  }
}
