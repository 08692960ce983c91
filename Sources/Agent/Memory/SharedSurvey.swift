internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Gives every shared region the object that it shows, and says where an object's bytes are.
///
/// Objects that a descriptor shows too (a memfd) were already listed by the descriptor draft.
/// Stopped-world safe.
enum SharedSurvey {
  static func run(_ draft: inout ImageDraft) throws(CaptureFailure) {
    for index in 0..<draft.regions.count {
      let region = draft.regions[index]
      let isCopied =
        region.kind == CKPT_REGION_SHARED_FILE
        && (isReadOnly(region) || isShortLived(region, draft))
      guard region.kind == CKPT_REGION_SHARED || isCopied, region.object == CKPT_NONE else {
        continue
      }
      try during(.region, on: region.start) { () throws(Errno) in
        let object = try findOrAdd(for: region, &draft)
        attach(object, to: region, &draft)
      }
    }
  }

  /// A file mapped shared that this process can only read: saved too, for when it is gone.
  private static func isReadOnly(_ region: ckpt_region) -> Bool {
    region.flags & CKPT_REGION_WRITABLE_FILE == 0
  }

  /// A file of shm_overview(7) or sem_overview(7), which does not outlive a reboot or a log-out.
  private static func isShortLived(_ region: ckpt_region, _ draft: ImageDraft) -> Bool {
    var cursor = TextCursor(
      Memory.bytes(
        at: draft.strings.base + UInt64(region.path.offset), count: Int(region.path.byte_count)))
    return cursor.take("/dev/shm/")
  }

  private static func findOrAdd(
    for region: ckpt_region, _ draft: inout ImageDraft
  ) throws(Errno) -> UInt32 {
    for index in 0..<draft.objects.count {
      let object = draft.objects[index]
      if object.inode == region.inode, object.device == region.device {
        return UInt32(index)
      }
    }
    return try add(for: region, &draft)
  }

  private static func attach(_ object: UInt32, to region: ckpt_region, _ draft: inout ImageDraft) {
    for index in 0..<draft.regions.count {
      var other = draft.regions[index]
      guard other.inode == region.inode, other.device == region.device, other.kind == region.kind
      else { continue }
      other.object = object
      draft.regions[index] = other
    }
  }

  private static func add(
    for region: ckpt_region, _ draft: inout ImageDraft
  ) throws(Errno) -> UInt32 {
    var object = ckpt_object()
    object.device = region.device
    object.inode = region.inode
    object.mode = 0o600
    object.name = region.path
    object.byte_count = byteCount(of: region, draft)
    object.kind = kind(of: region, draft)
    if object.kind == CKPT_OBJECT_SHARED_ANONYMOUS {
      object.flags = HugePageFiles.flags(of: region)
    }
    if object.kind == CKPT_OBJECT_SYSV {
      noteSegment(&object, region)
    }
    if object.kind == CKPT_OBJECT_SHARED_FILE { noteFile(&object, region, draft) }
    let index = try draft.objects.append(object)
    try addExtents(region, &draft)
    return UInt32(index)
  }

  private static func kind(of region: ckpt_region, _ draft: ImageDraft) -> UInt32 {
    switch name(of: region, draft) {
    case .memfd: return CKPT_OBJECT_MEMFD
    case .sysv: return CKPT_OBJECT_SYSV
    case .deleted: return CKPT_OBJECT_UNLINKED_FILE
    case .file: return CKPT_OBJECT_SHARED_FILE
    default: return CKPT_OBJECT_SHARED_ANONYMOUS
    }
  }

  private static func name(of region: ckpt_region, _ draft: ImageDraft) -> RegionName {
    RegionName(
      Memory.bytes(
        at: draft.strings.base + UInt64(region.path.offset), count: Int(region.path.byte_count)))
  }

  /// The segment's own size, and whether it goes with its last user.
  private static func noteSegment(_ object: inout ckpt_object, _ region: ckpt_region) {
    object.sysv_id = Int32(truncatingIfNeeded: region.inode)
    guard let status = try? SharedSegments.status(of: object.sysv_id) else { return }
    object.sysv_key = Int32(bitPattern: status.key)
    object.mode = status.mode
    // By these `restart` knows it again.
    object.modified_seconds = status.changed
    object.modified_nanoseconds = Int64(status.creator)
    object.byte_count = max(object.byte_count, status.byteCount)
  }

  /// Size and time of a file, to see at restart whether it is still the same.
  private static func noteFile(
    _ object: inout ckpt_object, _ region: ckpt_region, _ draft: ImageDraft
  ) {
    var path = Line()
    path.append(
      at: draft.strings.base + UInt64(region.path.offset), count: Int(region.path.byte_count))
    guard let status = try? path.withPath({ (path) throws(Errno) in try FileStatus(path: path) })
    else { return }
    object.byte_count = status.byteCount
    object.mode = status.mode
    object.modified_seconds = status.modifiedSeconds
    object.modified_nanoseconds = status.modifiedNanoseconds
  }

  /// An object reaches at least to the end of what is mapped of it.
  private static func byteCount(of region: ckpt_region, _ draft: ImageDraft) -> UInt64 {
    var end: UInt64 = 0
    for index in 0..<draft.regions.count {
      let other = draft.regions[index]
      if other.inode == region.inode, other.device == region.device {
        end = max(end, other.file_offset + (other.end - other.start))
      }
    }
    return end
  }

  // MARK: Contents

  /// Lists what the object holds, in the order of its offsets, through the regions that show it.
  private static func addExtents(_ region: ckpt_region, _ draft: inout ImageDraft) throws(Errno) {
    var offset: UInt64 = 0
    while let (shown, start) = nextShowing(region, from: offset, draft) {
      offset = max(offset, start)
      let end = shown.file_offset + (shown.end - shown.start)
      try addResident(shown, from: offset, to: end, &draft)
      offset = end
    }
  }

  /// The region showing the object's lowest offset at or behind `offset`.
  private static func nextShowing(
    _ region: ckpt_region, from offset: UInt64, _ draft: ImageDraft
  ) -> (ckpt_region, UInt64)? {
    var best: (ckpt_region, UInt64)?
    for index in 0..<draft.regions.count {
      let other = draft.regions[index]
      guard other.inode == region.inode, other.device == region.device,
        other.file_offset + (other.end - other.start) > offset
      else { continue }
      let start = max(other.file_offset, offset)
      if start < best?.1 ?? .max { best = (other, start) }
    }
    return best
  }

  /// Adds the pages in memory between two offsets of the object; the rest of it is zero.
  ///
  /// mincore(2), not the page tables: a page that another process wrote may not be in ours. But of
  /// huge pages it knows only those in the page tables, and a clone has none of them: each is
  /// looked at, and so made if it was never there.
  private static func addResident(
    _ region: ckpt_region, from start: UInt64, to end: UInt64, _ draft: inout ImageDraft
  ) throws(Errno) {
    let isHuge = HugePageFiles.flags(of: region) != 0
    let readable = try Readable(region)
    let first = Address(region.start + (start - region.file_offset))
    let pages = (end - start) / pageByteCount
    let mark = draft.scratch.next
    let residency = try draft.scratch.reserve(pages)
    guard let range = AddressRange(start: first, byteCount: pages * pageByteCount) else { return }
    try Mapping.residency(of: range, to: residency)
    var runStart: UInt64?
    for page in 0...pages {
      let address = first + page * pageByteCount
      let isThere =
        page < pages && (isHuge || Memory.load(UInt8.self, at: residency + page) & 1 != 0)
        && Memory.canRead(address) && !Memory.isZeroPage(at: address)
      if isThere {
        if runStart == nil { runStart = page }
      } else if let from = runStart {
        try draft.extent(
          offset: start + from * pageByteCount, byteCount: (page - from) * pageByteCount,
          from: ExtentSource(
            memory: first + from * pageByteCount, descriptor: -1, offset: 0))
        runStart = nil
      }
    }
    draft.scratch.rewind(to: mark)
    _ = consume readable
  }
}
