internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Files with a name, files without one any more, and memfds.
enum RegularFileSurvey {
  /// Source: `include/uapi/linux/magic.h`.
  private static let hugePageFileSystem: UInt64 = 0x9584_58F6
  private static let secretFileSystem: UInt64 = 0x5345_434D
  private static let messageQueueFileSystem: UInt64 = 0x1980_0202

  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    guard item.isNamed("/") else { throw item.refused(.unknownDescriptorKind) }
    let system = try item.doing { () throws(Errno) in try Files.fileSystem(of: item.number) }
    guard system.type != secretFileSystem else { throw item.refused(.contentsUnreadable) }
    guard system.type != messageQueueFileSystem else {
      throw item.refused(.unknownDescriptorKind)
    }
    file.path = try item.path(&draft)
    if item.isNamed(memoryPrefix), item.isMarkedDeleted {
      file.kind = CKPT_FILE_MEMFD
      try addMemoryFile(item, &file, system, &draft)
    } else if isUnlinked(item) {
      file.kind = CKPT_FILE_UNLINKED
      file.object = try ContentsSurvey.object(
        item, kind: CKPT_OBJECT_UNLINKED_FILE, name: file.path, &draft)
    } else {
      file.kind = CKPT_FILE_REGULAR
    }
    var writer = try DetailWriter(item, &draft)
    file.detail = try writer.end(item, locks: !item.isPath, &draft)
  }

  /// Without a name: no link left, or the name it was opened by is gone.
  private static func isUnlinked(_ item: OpenFile) -> Bool {
    if item.status.linkCount == 0 { return true }
    guard item.isMarkedDeleted else { return false }
    var path = Line()
    path.append(at: item.link, count: item.linkByteCount)
    let named = try? path.withPath { (path) throws(Errno) in try FileStatus(path: path) }
    return named?.isSameFile(as: item.status) != true
  }

  private static let memoryPrefix: StaticString = "/memfd:"

  private static func addMemoryFile(
    _ item: OpenFile, _ file: inout ckpt_file, _ system: (type: UInt64, block: UInt64),
    _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let prefix = UInt32(memoryPrefix.utf8CodeUnitCount)
    let name = ckpt_string(
      offset: file.path.offset + prefix, byte_count: file.path.byte_count - prefix)
    file.object = try ContentsSurvey.object(item, kind: CKPT_OBJECT_MEMFD, name: name, &draft)
    var object = draft.objects[Int(file.object)]
    object.seals = try item.doing { () throws(Errno) in try Descriptors.seals(item.number) }
    if system.type == hugePageFileSystem {
      // MFD_HUGETLB, with the page's logarithm from bit 26 on.
      object.flags = 4 | UInt32(system.block.trailingZeroBitCount) << 26
    }
    draft.objects[Int(file.object)] = object
  }
}
