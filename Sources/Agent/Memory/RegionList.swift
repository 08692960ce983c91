internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Reads the regions of the process and says what kind each is.
///
/// By /proc/thread-self, as everything here: when the main thread has ended, /proc/self shows no
/// memory any more.
///
/// Stopped-world safe.
enum RegionList {
  /// Text of smaps: about 1,000 bytes a region, of at most vm.max_map_count (65,530) regions.
  private static let textCapacity: UInt64 = 128 << 20

  /// Appends a record for each region to `survey.regions`, without the scratch memory.
  static func read(into survey: inout Survey) throws(CaptureFailure) {
    let mark = survey.scratch.next
    let capacity = min(textCapacity, survey.scratch.free / 2)
    let (text, count) = try during(.readRegions) { () throws(Errno) in
      let text = try survey.scratch.reserve(capacity)
      let file = try FileDescriptor("/proc/thread-self/smaps", .readOnly)
      return (text, try file.readToEnd(to: text, capacity: capacity))
    }
    guard count < capacity else { throw CaptureFailure(.readRegions, .outOfMemory) }
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(count)))
    while let entry = SmapsEntry(from: &cursor) {
      try append(entry, path: text + UInt64(entry.pathOffset), to: &survey)
    }
    // The tables lie before the text: it can go.
    survey.scratch.rewind(to: mark)
  }

  /// Appends the parts of a region that are not our scratch memory.
  ///
  /// The kernel may have merged the scratch memory with a neighbour of the same kind.
  private static func append(
    _ entry: SmapsEntry, path: Address, to survey: inout Survey
  ) throws(CaptureFailure) {
    let scratch = survey.scratch.range
    guard entry.range.overlaps(scratch) else {
      return try append(entry, entry.range, path: path, to: &survey)
    }
    if let before = AddressRange(
      start: entry.range.start.rawValue, end: scratch.start.rawValue), !before.isEmpty
    {
      try append(entry, before, path: path, to: &survey)
    }
    if let after = AddressRange(start: scratch.end.rawValue, end: entry.range.end.rawValue),
      !after.isEmpty
    {
      try append(entry, after, path: path, to: &survey)
    }
  }

  private static func append(
    _ entry: SmapsEntry, _ range: AddressRange, path: Address, to survey: inout Survey
  ) throws(CaptureFailure) {
    var region = ckpt_region()
    region.start = range.start.rawValue
    region.end = range.end.rawValue
    region.file_offset = entry.fileOffset
    region.inode = entry.inode
    region.device = entry.device
    region.protection = UInt32(bitPattern: entry.protection.rawValue)
    region.protection_key = entry.protectionKey
    region.object = CKPT_NONE
    region.file = CKPT_NONE
    region.huge_page_bytes =
      entry.kernelPageByteCount > pageByteCount ? entry.kernelPageByteCount : 0
    let name = RegionName(Memory.bytes(at: path, count: entry.pathByteCount))
    region.flags = flags(of: entry, name)
    if range.overlaps(survey.keep.range) { region.flags |= CKPT_REGION_ARENA }
    region.kind = try kind(of: entry, name, path: path)
    let original = name.original(path, byteCount: entry.pathByteCount)
    region.path = try during(.readRegions) { () throws(Errno) in
      try survey.string(at: original.address, byteCount: original.byteCount)
    }
    if region.kind == CKPT_REGION_PRIVATE_FILE { region.file = fileNumber(region, &survey) }
    try during(.readRegions) { () throws(Errno) in try survey.regions.append(region) }
  }

  /// How far back a region of the same file is looked for: libraries have a handful side by side.
  ///
  /// A file whose regions lie farther apart gets two numbers, which only costs memory at restart.
  private static let fileReach = 64

  private static func fileNumber(_ region: ckpt_region, _ survey: inout Survey) -> UInt32 {
    var index = survey.regions.count
    while index > max(0, survey.regions.count - fileReach) {
      index -= 1
      let other = survey.regions[index]
      if other.file != CKPT_NONE, other.inode == region.inode, other.device == region.device {
        return other.file
      }
    }
    survey.fileCount += 1
    return survey.fileCount - 1
  }

  private static func kind(
    of entry: SmapsEntry, _ name: RegionName, path: Address
  ) throws(CaptureFailure) -> UInt32 {
    switch name {
    case .vdso: return CKPT_REGION_VDSO
    case .vvar: return CKPT_REGION_VVAR
    case .vsyscall: return CKPT_REGION_VSYSCALL
    default: break
    }
    if let reason = refusal(of: entry, name) {
      throw CaptureFailure(
        .region, .notSupported, subject: entry.range.start.rawValue, reason: reason, name: path,
        nameByteCount: UInt32(entry.pathByteCount))
    }
    if entry.isShared {
      return name == .file ? CKPT_REGION_SHARED_FILE : CKPT_REGION_SHARED
    }
    return entry.inode == 0 || entry.flags.contains(.hugeTLB) || name == .zeroDevice
      ? CKPT_REGION_ANONYMOUS : CKPT_REGION_PRIVATE_FILE
  }

  private static func refusal(of entry: SmapsEntry, _ name: RegionName) -> CaptureFailure.Reason? {
    if entry.flags.contains(.shadowStack) { return .shadowStack }
    if entry.flags.contains(.userfaultfd) { return .userfaultfdRegion }
    if entry.flags.contains(.device) || entry.flags.contains(.rawPages) { return .deviceMapping }
    switch name {
    case .otherSpecial: return .unknownSpecialRegion
    case .device: return .deviceMapping
    default: return nil
    }
  }

  private static func flags(of entry: SmapsEntry, _ name: RegionName) -> UInt32 {
    var flags: UInt32 = 0
    func add(_ vm: VMFlags, _ flag: UInt32) { if entry.flags.contains(vm) { flags |= flag } }
    if name == .heap { flags |= CKPT_REGION_HEAP }
    if name == .stack { flags |= CKPT_REGION_STACK }
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
    if entry.isShared { add(.mayWrite, CKPT_REGION_WRITABLE_FILE) }
    return flags
  }
}
