internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Reads the regions of the process from /proc/thread-self/maps, and says what kind each is.
///
/// What `maps` does not tell is added by `RegionProperties`: reading `smaps` walks all page tables,
/// which takes some milliseconds per GiB that the program need not wait for.
///
/// By /proc/thread-self, as everything here: when the main thread has ended, /proc/self shows no
/// memory any more.
///
/// Stopped-world safe.
enum RegionList {
  /// Bytes of text: at most vm.max_map_count regions (65,530 by default), whose lines are rarely as
  /// long as this allows.
  private static let textCapacity: UInt64 = 64 << 20

  /// Text of /proc/thread-self/maps in scratch memory.
  struct Text: BitwiseCopyable {
    let start: Address
    let byteCount: UInt64

    /// - Throws: `outOfMemory` when there is more text than room.
    init(_ name: StaticString, capacity: UInt64, _ scratch: inout Arena) throws(Errno) {
      let mark = scratch.next
      start = try scratch.reserve(min(capacity, scratch.free / 2))
      let file = try FileDescriptor(name, .readOnly)
      let room = scratch.next - start
      byteCount = try file.readToEnd(to: start, capacity: room)
      scratch.rewind(to: mark)
      guard byteCount < room else { throw .outOfMemory }
      _ = try scratch.reserve(byteCount)
    }

    var bytes: RawSpan {
      @_lifetime(immortal) get { Memory.bytes(at: start, count: Int(byteCount)) }
    }
  }

  /// The text of `maps`, kept until the scratch memory is rewound behind it.
  static func text(_ scratch: inout Arena) throws(CaptureFailure) -> Text {
    try during(.readRegions) { () throws(Errno) in
      try Text("/proc/thread-self/maps", capacity: textCapacity, &scratch)
    }
  }

  /// Appends a record for each region to `draft.regions`, without the memory that is no part of
  /// the image.
  static func read(into draft: inout ImageDraft) throws(CaptureFailure) {
    let mark = draft.scratch.next
    let text = try text(&draft.scratch)
    var cursor = TextCursor(text.bytes)
    while let entry = SmapsEntry(from: &cursor) {
      try append(entry, path: text.start + UInt64(entry.pathOffset), to: &draft)
    }
    // The tables lie before the text: it can go.
    draft.scratch.rewind(to: mark)
  }

  /// Appends the parts of a region that belong to the program.
  ///
  /// The kernel may have merged the agent's memory with a neighbour of the same kind.
  private static func append(
    _ entry: SmapsEntry, path: Address, to draft: inout ImageDraft
  ) throws(CaptureFailure) {
    guard !draft.isOwnPage(entry.range) else { return }
    let parts = parts(of: entry.range, without: draft.scratch.range)
    for index in parts.indices where !parts[index].isEmpty {
      let rest = Self.parts(of: parts[index], without: draft.room)
      for index in rest.indices where !rest[index].isEmpty {
        try append(entry, rest[index], path: path, to: &draft)
      }
    }
  }

  /// What of a range lies before and behind another one.
  private static func parts(
    of range: AddressRange, without hole: AddressRange
  ) -> InlineArray<2, AddressRange> {
    guard range.overlaps(hole) else { return [range, .empty] }
    let before = AddressRange(start: range.start.rawValue, end: hole.start.rawValue)
    let after = AddressRange(start: hole.end.rawValue, end: range.end.rawValue)
    return [before ?? .empty, after ?? .empty]
  }

  private static func append(
    _ entry: SmapsEntry, _ range: AddressRange, path: Address, to draft: inout ImageDraft
  ) throws(CaptureFailure) {
    var region = ckpt_region()
    region.start = range.start.rawValue
    region.end = range.end.rawValue
    region.file_offset = entry.fileOffset
    region.inode = entry.inode
    region.device = entry.device
    region.protection = UInt32(bitPattern: entry.protection.rawValue)
    region.object = CKPT_NONE
    region.file = CKPT_NONE
    let name = RegionName(Memory.bytes(at: path, count: entry.pathByteCount))
    if name == .heap { region.flags |= CKPT_REGION_HEAP }
    if name == .stack { region.flags |= CKPT_REGION_STACK }
    // Until the properties are known.
    if entry.isShared { region.flags |= CKPT_REGION_WRITABLE_FILE }
    if range.overlaps(draft.keep.range) { region.flags |= CKPT_REGION_ARENA }
    region.kind = kind(of: entry, name)
    let original = name.original(path, byteCount: entry.pathByteCount)
    region.path = try during(.readRegions) { () throws(Errno) in
      try draft.string(at: original.address, byteCount: original.byteCount)
    }
    if region.kind == CKPT_REGION_PRIVATE_FILE { region.file = fileNumber(region, &draft) }
    try during(.readRegions) { () throws(Errno) in try draft.regions.append(region) }
  }

  /// How far back a region of the same file is looked for: libraries have a handful side by side.
  ///
  /// A file whose regions lie farther apart gets two numbers, which only costs memory at restart.
  private static let fileReach = 64

  private static func fileNumber(_ region: ckpt_region, _ draft: inout ImageDraft) -> UInt32 {
    var index = draft.regions.count
    while index > max(0, draft.regions.count - fileReach) {
      index -= 1
      let other = draft.regions[index]
      if other.file != CKPT_NONE, other.inode == region.inode, other.device == region.device {
        return other.file
      }
    }
    draft.fileCount += 1
    return draft.fileCount - 1
  }

  private static func kind(of entry: SmapsEntry, _ name: RegionName) -> UInt32 {
    switch name {
    case .vdso: return CKPT_REGION_VDSO
    case .vvar: return CKPT_REGION_VVAR
    case .vsyscall: return CKPT_REGION_VSYSCALL
    default: break
    }
    if entry.isShared {
      return name == .file ? CKPT_REGION_SHARED_FILE : CKPT_REGION_SHARED
    }
    return entry.inode == 0 || name == .zeroDevice
      ? CKPT_REGION_ANONYMOUS : CKPT_REGION_PRIVATE_FILE
  }
}
