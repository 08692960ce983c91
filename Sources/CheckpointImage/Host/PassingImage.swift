internal import CImage

/// An image that is seen once, from its first byte to its last: what it says of itself, and whether
/// its data is what its digests say.
public struct PassingImage: Sendable {
  public let head: ImageHead

  /// What has digests, in the order of the file.
  private let stretches: [Stretch]
  private var next = 0
  private var found: [UInt64]
  private var tail: [UInt8] = []

  /// Bytes of a page, that this takes at a time.
  public static let pageByteCount = 4096

  /// - Parameter head: the first bytes, as many as `ImageHead` says.
  /// - Throws: `ImageError`.
  public init(head bytes: [UInt8]) throws(ImageError) {
    var source = HeadSource(bytes: bytes)
    do { head = try ImageHead(from: &source) } catch let error as ImageError { throw error } catch {
      throw ImageError(.truncated, at: UInt64(bytes.count), UInt64(bytes.count))
    }
    stretches = head.stretches.filter {
      if case .fileRun = $0.owner { false } else { true }
    }.sorted { $0.fileOffset < $1.fileOffset }
    found = [UInt64](repeating: 0, count: Int(head.index.pieceCount))
  }

  /// Bytes of the head, from the first page of an image.
  ///
  /// - Throws: `ImageError`.
  public static func headByteCount(_ prefix: [UInt8]) throws(ImageError) -> UInt64 {
    try prefix.withRawSpan { (span) throws(ImageError) in
      try ImageIndex.headByteCount(prefix: span)
    }
  }

  /// Takes what comes at an offset, behind the head: a page, or less where the image ends.
  public mutating func take(_ page: [UInt8], at offset: UInt64) {
    guard offset < head.index.digestsOffset else {
      tail += page
      return
    }
    while next < stretches.count, stretches[next].fileOffset + stretches[next].byteCount <= offset {
      next += 1
    }
    guard next < stretches.count, stretches[next].fileOffset <= offset else { return }
    let stretch = stretches[next]
    let place = offset - stretch.fileOffset
    let count = Int(min(UInt64(page.count), stretch.byteCount - place))
    found[Int(stretch.firstPiece + place / Pieces.byteCount)] = page.withRawSpan {
      XXH3.digest($0.extracting(0..<count))
    }
  }

  /// The digest that the image has of a piece.
  private func saved(_ piece: Int) -> UInt64? {
    let start = Int(head.index.end.tableByteCount) + piece * 8
    guard start + 8 <= tail.count else { return nil }
    return tail[start..<(start + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// How many pages are not what the image says.
  public var damagedPageCount: Int {
    var count = 0
    for stretch in stretches {
      for piece in stretch.firstPiece..<(stretch.firstPiece + stretch.pieceCount)
      where saved(Int(piece)) != found[Int(piece)] { count += 1 }
    }
    return count
  }

  /// By region, one digest of what the image has of its memory: XXH3-64 of the digests of its pages,
  /// 8 bytes each, little-endian; `nil` where it has none.
  public var regionDigests: [UInt64?] {
    var words: [Int: [UInt8]] = [:]
    let runs: [ckpt_run] = head.entries(head.index.runs)
    for stretch in stretches {
      guard case .run(let index) = stretch.owner else { continue }
      for piece in stretch.firstPiece..<(stretch.firstPiece + stretch.pieceCount) {
        let digest = found[Int(piece)]
        words[Int(runs[index].region), default: []] += (0..<8).map {
          UInt8(truncatingIfNeeded: digest >> ($0 * 8))
        }
      }
    }
    return (0..<head.index.regions.count).map { region in
      words[region].map { $0.withRawSpan { XXH3.digest($0) } }
    }
  }
}

/// The head alone: the rest has not come.
private struct HeadSource: ImageSource {
  let bytes: [UInt8]
  var byteCount: UInt64? { nil }
  func read(at offset: UInt64, count: Int) -> [UInt8] {
    MemorySource(bytes).read(at: offset, count: count)
  }
}
