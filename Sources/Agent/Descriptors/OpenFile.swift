internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// An open file description of the program, under one of its numbers.
struct OpenFile: BitwiseCopyable {
  /// Its index in `draft.files`.
  let index: Int
  let number: Int32
  let status: FileStatus
  let flags: OpenFlags

  /// What /proc/self/fd says it is; good until the next one is looked at.
  let link: Address
  let linkByteCount: Int

  /// `linkByteCount` bytes at most 4,096 long.
  static let linkCapacity = 4096

  var isReadable: Bool { flags.isReadable }
  var isWritable: Bool { flags.isWritable }
  var isPath: Bool { flags.contains(.path) }

  /// Whether the link starts with `text`.
  func isNamed(_ text: StaticString) -> Bool {
    var cursor = TextCursor(Memory.bytes(at: link, count: linkByteCount))
    return cursor.take(text)
  }

  private static let deletedMark: StaticString = " (deleted)"

  /// Whether the link ends as those of unlinked files do.
  var isMarkedDeleted: Bool {
    let mark = Self.deletedMark.utf8CodeUnitCount
    guard linkByteCount > mark else { return false }
    var cursor = TextCursor(
      Memory.bytes(at: link + UInt64(linkByteCount - mark), count: mark))
    return cursor.take(Self.deletedMark)
  }

  /// The link without that mark.
  var pathByteCount: Int {
    isMarkedDeleted ? linkByteCount - Self.deletedMark.utf8CodeUnitCount : linkByteCount
  }

  /// A failure that names it.
  func refused(
    _ reason: CaptureFailure.Reason, _ errno: Errno = Errno.none
  ) -> CaptureFailure {
    CaptureFailure(
      .descriptor, errno, subject: UInt64(UInt32(bitPattern: number)), reason: reason,
      name: link, nameByteCount: UInt32(linkByteCount))
  }

  /// Runs kernel calls on it; a failure names it.
  func doing<R>(_ body: () throws(Errno) -> R) throws(CaptureFailure) -> R {
    do throws(Errno) {
      return try body()
    } catch {
      if error == .tooManyOpen {
        throw CaptureFailure(.descriptors, error, reason: .tooManyDescriptors)
      }
      throw refused(.unspecified, error)
    }
  }

  /// Reads its fdinfo into scratch memory, where it stays.
  func information(_ draft: inout ImageDraft) throws(CaptureFailure) -> RawBytes {
    try doing { () throws(Errno) in
      var path = Line("/proc/thread-self/fdinfo/")
      path.append(decimal: UInt64(UInt32(bitPattern: number)))
      let file = try path.withPath { (path) throws(Errno) in
        try Files.open(path: path, .readOnly)
      }
      let reader = FileDescriptor(adopting: file)
      let start = draft.scratch.next
      let capacity = min(draft.scratch.free / 2, 64 << 20)
      let count = try reader.readToEnd(to: start, capacity: capacity)
      guard count < capacity else { throw .outOfMemory }
      return RawBytes(start: try draft.scratch.reserve(count, alignment: 1), count: Int(count))
    }
  }
}

extension OpenFlags {
  var isReadable: Bool { rawValue & Self.accessMode.rawValue != Self.writeOnly.rawValue }
  var isWritable: Bool { rawValue & Self.accessMode.rawValue != Self.readOnly.rawValue }
}

/// A place in scratch memory.
struct RawBytes: BitwiseCopyable {
  let start: Address
  let count: Int

  var span: RawSpan {
    @_lifetime(immortal) get { Memory.bytes(at: start, count: count) }
  }
}
