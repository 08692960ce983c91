internal import CImage
internal import Kernel
internal import KernelABI

/// What an image leaves out of a stream because it came in the rounds before it.
///
/// Stopped-world safe.
struct PrecopiedStream: BitwiseCopyable {
  /// Bytes of the image's file, between its head and what was written since, that do not come.
  let skipped: UInt64

  /// Bytes that do, the frame before the image included.
  let byteCount: UInt64

  init(_ draft: ImageDraft, _ head: ImageLayout) {
    guard draft.endsPrecopyStream else {
      skipped = 0
      byteCount = head.fileByteCount
      return
    }
    let end = draft.copied?.share.dataEnd
    skipped = end.map { $0 - head.bytes.byteCount } ?? 0
    byteCount =
      head.fileByteCount - skipped + UInt64(MemoryLayout<ckpt_round_frame>.size)
  }

  /// The frame that says whether the rounds count.
  static func frame(_ draft: ImageDraft) -> ckpt_round_frame {
    ckpt_round_frame(
      kind: CKPT_FRAME_IMAGE, count: draft.copied == nil ? 0 : 1, address: 0,
      place: draft.copied?.share.filePageCount ?? 0)
  }
}
