public import CImage

/// How the data of an image is cut for digests: page by page.
public enum Pieces {
  /// `CKPT_PIECE_BYTES`: no piece is larger, and only the last one of an extent may be smaller.
  public static let byteCount: UInt64 = 4096

  /// How many pieces a run or an extent of so many bytes has.
  @inline(__always)
  public static func count(of byteCount: UInt64) -> UInt64 {
    byteCount / Self.byteCount + (byteCount % Self.byteCount == 0 ? 0 : 1)
  }
}

/// A run or an extent that has digests: one for each page.
public struct Stretch: Equatable, Sendable, BitwiseCopyable {
  public enum Owner: Equatable, Sendable, BitwiseCopyable {
    /// The index of a run of kind HERE.
    case run(Int)

    /// The index of a run of kind FILE: its bytes are in the file that its region shows.
    case fileRun(Int)
    case extent(Int)
  }

  public var owner: Owner

  /// Where its bytes are: in the image, or in the region's file.
  public var fileOffset: UInt64
  public var byteCount: UInt64

  /// The index of its first digest.
  public var firstPiece: UInt64

  public var pieceCount: UInt64 { Pieces.count(of: byteCount) }
}

/// Walks over all that has digests, in the order of the digests: runs, then extents.
public struct StretchCursor: ~Escapable {
  private let runs: ImageRecords<ckpt_run>
  private let extents: ImageRecords<ckpt_extent>
  private var position = 0
  private var piece: UInt64 = 0

  /// - Precondition: `head` is what `index` was made from.
  @_lifetime(copy head)
  public init(_ index: ImageIndex, head: RawSpan) {
    runs = ImageRecords(index.runs, in: head)
    extents = ImageRecords(index.extents, in: head)
  }

  /// The next one, `nil` at the end.
  @_lifetime(self: copy self)
  public mutating func next() -> Stretch? {
    while position < runs.count {
      let index = position
      let run = runs[index]
      position += 1
      guard run.hasDigests else { continue }
      return made(
        run.kind == CKPT_RUN_HERE ? .run(index) : .fileRun(index), run.file_offset, run.byte_count)
    }
    let index = position - runs.count
    guard index < extents.count else { return nil }
    position += 1
    return made(.extent(index), extents[index].file_offset, extents[index].byte_count)
  }

  @_lifetime(self: copy self)
  private mutating func made(
    _ owner: Stretch.Owner, _ fileOffset: UInt64, _ byteCount: UInt64
  ) -> Stretch {
    let stretch = Stretch(
      owner: owner, fileOffset: fileOffset, byteCount: byteCount, firstPiece: piece)
    piece += stretch.pieceCount
    return stretch
  }
}

extension ckpt_run {
  /// Whether the image has a digest for each page of it: its bytes are here or in a file.
  @inline(__always)
  public var hasDigests: Bool { kind == CKPT_RUN_HERE || kind == CKPT_RUN_FILE }
}
