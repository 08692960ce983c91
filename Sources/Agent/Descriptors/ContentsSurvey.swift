internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Lists the contents of a file that has no name to find it by.
enum ContentsSurvey {
  /// The object with the contents of `item`; open file descriptions of one file share it.
  static func object(
    _ item: OpenFile, kind: UInt32, name: ckpt_string, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> UInt32 {
    if let found = draft.object(device: item.status.device, inode: item.status.inode) {
      return UInt32(found)
    }
    var object = ckpt_object()
    object.kind = kind
    object.device = item.status.device
    object.inode = item.status.inode
    object.byte_count = item.status.byteCount
    object.mode = item.status.mode
    object.name = name
    object.modified_seconds = item.status.modifiedSeconds
    object.modified_nanoseconds = item.status.modifiedNanoseconds
    let index = try item.doing { () throws(Errno) in try draft.objects.append(object) }
    if item.status.byteCount > 0 {
      let reader = try reader(for: item, &draft)
      try item.doing { () throws(Errno) in
        try addExtents(reader, item.status.byteCount, &draft)
      }
    }
    return UInt32(index)
  }

  /// A descriptor to read it with, which stays open until the image is written.
  ///
  /// A new one, which moves nobody's position. But closing any descriptor of a file gives up the
  /// process's POSIX locks on it (fcntl(2)): then the program's own is read.
  private static func reader(
    for item: OpenFile, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> Int32 {
    let mark = draft.scratch.next
    let text = try item.information(&draft)
    defer { draft.scratch.rewind(to: mark) }
    var cursor = TextCursor(text.span)
    while let lock = cursor.nextLock() {
      guard lock.kind == .posix else { continue }
      guard item.isReadable, !item.isPath else { throw item.refused(.contentsUnreadable) }
      return item.number
    }
    return try item.doing { () throws(Errno) in try Files.reopen(item.number, .readOnly) }
  }

  private static func addExtents(
    _ reader: Int32, _ byteCount: UInt64, _ draft: inout ImageDraft
  ) throws(Errno) {
    let position = try Descriptors.seek(reader, to: 0, .current)
    defer { _ = try? Descriptors.seek(reader, to: position) }
    var offset: UInt64 = 0
    while offset < byteCount, let start = try data(in: reader, from: offset) {
      let end = min(try Descriptors.seek(reader, to: start, .hole), byteCount)
      guard start < end else { break }
      try draft.extent(
        offset: start, byteCount: end - start,
        from: ExtentSource(memory: .zero, descriptor: reader, offset: start))
      offset = end
    }
  }

  /// Where the next bytes are that are no hole.
  private static func data(in reader: Int32, from offset: UInt64) throws(Errno) -> UInt64? {
    do throws(Errno) {
      return try Descriptors.seek(reader, to: offset, .data)
    } catch {
      guard error.rawValue == 6 else { throw error }  // ENXIO: only a hole is left
      return nil
    }
  }
}
