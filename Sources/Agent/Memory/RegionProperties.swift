internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// What only /proc/thread-self/smaps tells of the regions: advice, locks, page sizes, keys.
///
/// Stopped-world safe.
enum RegionProperties {
  /// About 1,000 bytes a region, of at most vm.max_map_count (65,530) regions.
  private static let textCapacity: UInt64 = 128 << 20

  static func text(_ scratch: inout Arena) throws(CaptureFailure) -> RegionList.Text {
    try during(.readRegions) { () throws(Errno) in
      try RegionList.Text("/proc/thread-self/smaps", capacity: textCapacity, &scratch)
    }
  }

  /// Completes `draft.regions`, and refuses what can't be restored.
  static func add(to draft: inout ImageDraft) throws(CaptureFailure) {
    let mark = draft.scratch.next
    let text: RegionList.Text
    if let known = draft.properties { text = known } else { text = try self.text(&draft.scratch) }
    var cursor = TextCursor(text.bytes)
    var index = 0
    while let entry = SmapsEntry(from: &cursor) {
      // Regions are cut out of entries: both are in address order.
      while index < draft.regions.count, draft.regions[index].start < entry.range.end.rawValue {
        if draft.regions[index].start >= entry.range.start.rawValue {
          try add(entry, path: text.start + UInt64(entry.pathOffset), to: index, &draft)
        }
        index += 1
      }
    }
    draft.scratch.rewind(to: mark)
  }

  private static func add(
    _ entry: SmapsEntry, path: Address, to index: Int, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let name = RegionName(Memory.bytes(at: path, count: entry.pathByteCount))
    if let reason = refusal(of: entry, name) {
      throw CaptureFailure(
        .region, .notSupported, subject: entry.range.start.rawValue, reason: reason, name: path,
        nameByteCount: UInt32(entry.pathByteCount))
    }
    draft.regions.update(index) {
      $0.protection_key = entry.protectionKey
      $0.huge_page_bytes =
        entry.kernelPageByteCount > pageByteCount ? entry.kernelPageByteCount : 0
      $0.flags |= flags(of: entry)
      if entry.isShared, !entry.flags.contains(.mayWrite) {
        $0.flags &= ~CKPT_REGION_WRITABLE_FILE
      }
      if !entry.isShared, entry.flags.contains(.hugeTLB) {
        $0.kind = CKPT_REGION_ANONYMOUS
        $0.file = CKPT_NONE
      }
    }
  }

  private static func refusal(of entry: SmapsEntry, _ name: RegionName) -> CaptureFailure.Reason? {
    switch name {
    case .vdso, .vvar, .vsyscall: return nil
    default: break
    }
    if entry.flags.contains(.shadowStack) { return .shadowStack }
    if entry.flags.contains(.userfaultfd) { return .userfaultfdRegion }
    // It may be the agent's own way to find out what is written.
    if entry.flags.contains(.writeProtected), TrackDescriptor.current == nil {
      return .userfaultfdRegion
    }
    if entry.flags.contains(.device) || entry.flags.contains(.rawPages) { return .deviceMapping }
    switch name {
    case .otherSpecial: return .unknownSpecialRegion
    case .device: return .deviceMapping
    default: return nil
    }
  }

  private static func flags(of entry: SmapsEntry) -> UInt32 {
    var flags: UInt32 = 0
    func add(_ vm: VMFlags, _ flag: UInt32) { if entry.flags.contains(vm) { flags |= flag } }
    add(.growsDown, CKPT_REGION_GROWS_DOWN)
    add(.noReserve, CKPT_REGION_NO_RESERVE)
    add(.hugeTLB, CKPT_REGION_HUGE_TLB)
    add(.hugePages, CKPT_REGION_HUGE_PAGES)
    add(.noHugePages, CKPT_REGION_NO_HUGE_PAGES)
    add(.dontFork, CKPT_REGION_DONT_FORK)
    add(.wipeOnFork, CKPT_REGION_WIPE_ON_FORK)
    add(.dontDump, CKPT_REGION_DONT_DUMP)
    add(.locked, CKPT_REGION_LOCKED)
    add(.lockedOnFault, CKPT_REGION_LOCKED_ON_FAULT)
    add(.mergeable, CKPT_REGION_MERGEABLE)
    add(.sealed, CKPT_REGION_SEALED)
    add(.sequential, CKPT_REGION_SEQUENTIAL)
    add(.random, CKPT_REGION_RANDOM)
    add(.droppable, CKPT_REGION_DROPPABLE | CKPT_REGION_WIPE_ON_FORK)
    return flags
  }
}
