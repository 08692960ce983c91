internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Finds what was written since the last image, and begins to watch for the next one.
///
/// Before anything of the memory is copied: what is written from then on, even by the agent, counts
/// as written. Stopped-world safe.
enum WriteTracking {
  /// Smaller regions are compared by digests: it takes less than to watch them.
  private static let smallest: UInt64 = 1 << 20

  /// Fills in `draft.tracked` and the parent, as far as wished and possible.
  ///
  /// Whatever goes wrong here only makes the image larger.
  static func collect(_ options: CheckpointOptions, _ draft: inout ImageDraft) {
    guard options.tracking != .none else {
      CopyBuffer.release()
      draft.room = .empty
      return
    }
    draft.isTracked = true
    _ = try? Lineage.adopt(options, &draft)
    // Until it is known that this image is safe on disk.
    Lineage.end()
    guard options.tracking == .writes else { return }
    do throws(Errno) {
      try watch(&draft)
    } catch {
      draft.tracked = nil
      TrackDescriptor.close()
    }
  }

  private static func watch(_ draft: inout ImageDraft) throws(Errno) {
    let known = TrackDescriptor.current
    let descriptor: Int32
    if let known { descriptor = known } else { descriptor = try TrackDescriptor.open() }
    var tracked = try Tracked(in: &draft.scratch)
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    var scan = try TrackScan(descriptor, &draft.scratch)
    guard let maps = try? RegionList.text(&draft.scratch) else { throw .outOfMemory }
    var cursor = TextCursor(maps.bytes)
    while let entry = SmapsEntry(from: &cursor) {
      guard isWatchable(entry, maps, draft), tracked.hasRoom else { continue }
      let wasWatched =
        known == nil ? false : try scan.collect(entry.range, into: &tracked)
      if !wasWatched { _ = scan.watch(entry.range, isFirst: known == nil) }
    }
    if draft.hasParent, known != nil { draft.tracked = tracked }
  }

  /// Private anonymous memory of the program's.
  static func isWatchable(
    _ entry: SmapsEntry, _ maps: RegionList.Text, _ draft: ImageDraft
  ) -> Bool {
    guard !entry.isShared, entry.inode == 0, entry.range.byteCount >= smallest,
      !entry.range.overlaps(draft.scratch.range), !entry.range.overlaps(draft.keep.range),
      !entry.range.overlaps(draft.room)
    else { return false }
    let name = RegionName(
      Memory.bytes(at: maps.start + UInt64(entry.pathOffset), count: entry.pathByteCount))
    return name == .none || name == .heap
  }
}
