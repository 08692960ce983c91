internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Writes the detail of a file: the common part, the kind's record and array, the locks.
///
/// A detail is the piece of the details note between `begin` and `end`; nothing else may be added
/// to the note meanwhile.
struct DetailWriter: BitwiseCopyable {
  private let start: UInt64
  private var common: ckpt_file_common

  init(_ item: OpenFile, _ draft: inout ImageDraft) throws(CaptureFailure) {
    draft.details.align()
    start = draft.details.count
    common = CommonDetail.owner(of: item)
    try item.doing { () throws(Errno) in
      try Self.append(common, &draft)
    }
  }

  /// Appends a part of the kind's own record.
  mutating func append<T: BitwiseCopyable>(
    _ record: T, _ draft: inout ImageDraft
  ) throws(Errno) {
    try Self.append(record, &draft)
    common.kind_bytes += UInt32(MemoryLayout<T>.size)
  }

  /// Appends the locks held through `item` and closes the detail.
  mutating func end(
    _ item: OpenFile, locks: Bool = false, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> ckpt_detail {
    if locks { try appendLocks(item, &draft) }
    Memory.store(common, at: draft.details.base + start)
    return ckpt_detail(
      offset: UInt32(start), byte_count: UInt32(draft.details.count - start))
  }

  private mutating func appendLocks(
    _ item: OpenFile, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let mark = draft.scratch.next
    let text = try item.information(&draft)
    var cursor = TextCursor(text.span)
    while let lock = cursor.nextLock() {
      guard lock.kind != .lease else { throw item.refused(.unknownDescriptorKind) }
      let record = ckpt_file_lock(
        kind: lock.kind.rawValue, exclusive: lock.isExclusive ? 1 : 0, start: lock.start,
        byte_count: lock.byteCount)
      try item.doing { () throws(Errno) in try Self.append(record, &draft) }
      common.lock_count += 1
    }
    draft.scratch.rewind(to: mark)
  }

  private static func append<T: BitwiseCopyable>(
    _ record: T, _ draft: inout ImageDraft
  ) throws(Errno) {
    let size = UInt64(MemoryLayout<T>.size)
    guard draft.details.free >= size else { throw .outOfMemory }
    Memory.store(record, at: draft.details.next)
    _ = draft.details.claim(size)
  }
}

/// What every kind of file has.
enum CommonDetail {
  /// Who gets the signals of O_ASYNC; an O_PATH descriptor has nobody.
  static func owner(of item: OpenFile) -> ckpt_file_common {
    var common = ckpt_file_common()
    if !item.isPath, let owner = try? Descriptors.owner(item.number) {
      common.owner_type = owner.type
      common.owner = owner.identifier
      common.owner_signal = (try? Descriptors.signal(item.number)) ?? 0
    }
    return common
  }

  static func survey(_ item: OpenFile, _ file: inout ckpt_file) throws(CaptureFailure) {
    file.position = (try? Descriptors.seek(item.number, to: 0, .current)) ?? 0
  }
}

extension OpenFile {
  /// The record of a kind that has one of a fixed size and nothing else.
  func detail<T: BitwiseCopyable>(
    _ record: T, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> ckpt_detail {
    var writer = try DetailWriter(self, &draft)
    try doing { () throws(Errno) in try writer.append(record, &draft) }
    return try writer.end(self, &draft)
  }

  /// The link, or the path in it, as a string of the image.
  func path(_ draft: inout ImageDraft) throws(CaptureFailure) -> ckpt_string {
    try doing { () throws(Errno) in
      try draft.string(at: link, byteCount: pathByteCount)
    }
  }
}
