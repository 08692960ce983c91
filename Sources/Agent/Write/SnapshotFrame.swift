internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What makes an image a snapshot executable: the program `restart` before it, section headers
/// behind it.
///
/// Stopped-world safe.
struct SnapshotFrame: BitwiseCopyable {
  let executable: Executable

  /// What comes before the image: `executable.imageOffset` bytes.
  let head: AddressRange

  /// Bytes of the whole file.
  var fileByteCount: UInt64 { executable.fileByteCount }

  /// Takes the program's bytes and puts what is different about this one into them.
  ///
  /// - Throws: `noExec` when the file is no `restart` that can hold an image.
  init(
    _ program: borrowing FileDescriptor, _ draft: ImageDraft, _ image: ImageLayout,
    scratch: inout Arena
  ) throws(Errno) {
    let prefix = try scratch.reserve(pageByteCount, alignment: pageByteCount)
    let count = try program.readFully(to: prefix, byteCount: pageByteCount, at: 0)
    guard let slot = ExecutableSlot(prefix: Memory.bytes(at: prefix, count: Int(count))) else {
      throw .noExec
    }
    var executable = Executable(
      of: slot, imageByteCount: image.fileByteCount, identityLow: draft.image.identity_low,
      identityHigh: draft.image.identity_high)
    let byteCount = executable.imageOffset
    let place = try scratch.reserve(byteCount, alignment: pageByteCount)
    guard let head = AddressRange(start: place, byteCount: byteCount) else { throw .outOfRange }
    Memory.zero(head)
    let programByteCount = slot.programByteCount
    guard
      try program.readFully(to: place, byteCount: programByteCount, at: 0) == programByteCount
    else { throw .noExec }
    Self.patch(head, executable)
    executable.headDigest = executable.digest(
      ofHead: Memory.bytes(at: place, count: Int(byteCount)))
    Self.patch(head, executable)
    self.executable = executable
    self.head = head
  }

  private static func patch(_ head: AddressRange, _ executable: Executable) {
    for index in 0..<Executable.patchCount {
      let patch = executable.patch(index)
      Memory.store(patch.value, at: head.start + patch.offset)
    }
  }

  /// Puts what comes behind the image.
  func putEnd(into writer: inout HeadWriter) {
    for index in 0..<executable.endWordCount { writer.put(executable.endWord(index)) }
  }
}
