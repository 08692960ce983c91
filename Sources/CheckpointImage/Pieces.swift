internal import CImage

/// How the data of an image is cut for digests.
///
/// Pieces are, in file order, every run of kind HERE and every extent, cut at `byteCountLimit`.
public enum Pieces {
  /// No piece is larger, in bytes.
  public static let byteCountLimit: UInt64 = 1 << 20

  /// How many pieces a run or an extent of so many bytes has.
  @inline(__always)
  public static func count(of byteCount: UInt64) -> UInt64 {
    byteCount / byteCountLimit + (byteCount % byteCountLimit == 0 ? 0 : 1)
  }
}

/// Bytes of the file that have one digest.
public struct Piece: Equatable, Sendable, BitwiseCopyable {
  public var fileOffset: UInt64
  public var byteCount: UInt64

  /// Which digest is its.
  public var index: Int

  /// The run or extent that it is a part of, by its index in its table.
  public var owner: Owner

  public enum Owner: Equatable, Sendable, BitwiseCopyable {
    case run(Int)
    case extent(Int)
  }
}

/// Walks over the pieces of an image, in file order, which is the order of the digests.
public struct PieceCursor: ~Escapable {
  private let runs: ImageRecords<ckpt_run>
  private let extents: ImageRecords<ckpt_extent>
  private var nextOwner = 0
  private var owner = Piece.Owner.run(0)
  private var fileOffset: UInt64 = 0
  private var rest: UInt64 = 0
  private var index = 0

  /// - Precondition: `head` is what `index` was made from.
  @_lifetime(copy head)
  public init(_ index: ImageIndex, head: RawSpan) {
    runs = ImageRecords(index.runs, in: head)
    extents = ImageRecords(index.extents, in: head)
  }

  /// The next piece, `nil` at the end of the data.
  @_lifetime(self: copy self)
  public mutating func next() -> Piece? {
    while rest == 0 {
      guard advance() else { return nil }
    }
    let byteCount = min(rest, Pieces.byteCountLimit)
    defer {
      fileOffset += byteCount
      rest -= byteCount
      index += 1
    }
    return Piece(fileOffset: fileOffset, byteCount: byteCount, index: index, owner: owner)
  }

  /// Goes to the next run or extent.
  @_lifetime(self: copy self)
  private mutating func advance() -> Bool {
    defer { nextOwner += 1 }
    if nextOwner < runs.count {
      let run = runs[nextOwner]
      guard run.kind == CKPT_RUN_HERE else { return true }
      (owner, fileOffset, rest) = (.run(nextOwner), run.file_offset, run.byte_count)
      return true
    }
    let position = nextOwner - runs.count
    guard position < extents.count else { return false }
    let extent = extents[position]
    (owner, fileOffset, rest) = (.extent(position), extent.file_offset, extent.byte_count)
    return true
  }
}
