internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Decides which memory is left out until the program runs.
struct LazyPlan: BitwiseCopyable {
  let work: RestoreArena
  let layout: LazyLayout
  let laziness: RestartOptions.Laziness
  let fault: Userfault

  /// Memory is brought by moving huge pages.
  let movesHugePages: Bool

  /// A region is worth it from here on, in bytes that are read for it.
  private static let worthwhile: UInt64 = 1 << 20

  /// What the kernel has to tell of what the program does with memory that isn't there.
  private static let features =
    Userfault.Feature.forkEvents | Userfault.Feature.remapEvents | Userfault.Feature.removeEvents
    | Userfault.Feature.unmapEvents | Userfault.Feature.move | Userfault.Feature.poison

  /// - Returns: `nil` where it can't be: another way has to be found.
  ///
  /// A system call of the program that finds memory missing has to wait for it, and a child that it
  /// forks has to be known: only CAP_SYS_PTRACE gives that.
  ///
  /// Source: `fs/userfaultfd.c`, `userfaultfd_syscall_allowed`, `userfaultfd_api`.
  init?(_ work: RestoreArena, _ laziness: RestartOptions.Laziness) {
    guard laziness == .background || laziness == .touched, let layout = work.lazy,
      let fault = try? Userfault(flags: Userfault.nonBlocking, features: Self.features)
    else { return nil }
    self.work = work
    self.layout = layout
    self.laziness = laziness
    self.fault = fault
    movesHugePages =
      work.image.process.flags & CKPT_PROCESS_THP_DISABLED == 0 && HugePages.Setting.here != .never
    for index in 0..<work.image.regions.count where Self.isWorthwhile(index, work) {
      layout.isLazy[index] = 1
    }
  }

  static func isWorthwhile(_ index: Int, _ work: RestoreArena) -> Bool {
    let region = work.image.regions[index]
    let others =
      CKPT_REGION_HUGE_TLB | CKPT_REGION_GROWS_DOWN | CKPT_REGION_STACK | CKPT_REGION_LOCKED
      | CKPT_REGION_LOCKED_ON_FAULT | CKPT_REGION_SEALED | CKPT_REGION_ARENA
    guard region.kind == CKPT_REGION_ANONYMOUS, !region.has(others) else { return false }
    for number in 0..<Int(region.run_count)
    where work.image.runs[Int(region.first_run) + number].kind == CKPT_RUN_GUARD {
      return false
    }
    var byteCount: UInt64 = 0
    for number in work.image.spans(of: index) { byteCount += work.image.spans[number].byteCount }
    return byteCount >= worthwhile
  }

  func isLazy(_ region: UInt32) -> Bool { layout.isLazy[Int(region)] == 1 }

  /// From the first to the last byte that an image has of a region.
  private func range(of region: Int) -> AddressRange {
    let spans = work.image.spans(of: region)
    return AddressRange(
      start: work.image.spans[spans.lowerBound].address.rawValue,
      end: work.image.spans[spans.upperBound - 1].end.rawValue) ?? .empty
  }

  /// Registers all that is missing, and lists it.
  ///
  /// - Precondition: the regions are mapped, and nothing is in them.
  func register() throws(Errno) -> LazySpace {
    var spans = layout.spans
    var ranges = layout.ranges
    try fault.register(layout.whole)
    try ranges.append(layout.whole)
    for region in 0..<work.image.regions.count where isLazy(UInt32(region)) {
      let range = range(of: region)
      try fault.register(range)
      try ranges.append(range)
      for index in work.image.spans(of: region) { try spans.append(work.image.spans[index]) }
    }
    return LazySpace(descriptor: fault.descriptor, spans: LazySpans(spans), ranges: ranges)
  }

  /// Undoes `register`, and what was decided: everything is read at once.
  func abandon() {
    fault.close()
    for index in 0..<layout.isLazy.count { layout.isLazy[index] = 0 }
  }
}
