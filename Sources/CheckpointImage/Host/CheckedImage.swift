internal import CImage

/// An image whose pages are checked as they are read.
struct CheckedImage<Source: ImageSource> {
  let head: ImageHead
  private var source: Source
  private var digests: DigestReader

  /// Checks the head against its digest, and what lies behind the digests.
  ///
  /// - Throws: `ImageError`, or what the source throws.
  init(_ head: ImageHead, _ source: Source) throws {
    var source = source
    digests = try DigestReader(head, &source)
    try source.checkEnd(of: head)
    self.head = head
    self.source = source
  }

  /// The digests of pieces that lie side by side.
  mutating func digests(_ first: UInt64, _ count: UInt64) throws -> [UInt64] {
    try digests.read(first, Int(count), &source)
  }

  /// Bytes and their digests.
  ///
  /// - Throws: `.damagedData` with the offset of the first page that differs; `.truncated`,
  ///   `.damagedDigests`, or what the source throws.
  mutating func read(
    at offset: UInt64, byteCount: UInt64, firstPiece: UInt64
  ) throws -> (bytes: [UInt8], digests: [UInt64]) {
    let bytes = try source.readAll(at: offset, count: Int(byteCount))
    let expected = try digests(firstPiece, Pieces.count(of: byteCount))
    if let page = bytes.firstPage(unlike: expected) {
      throw ImageError(.damagedData, at: offset + UInt64(page) * Pieces.byteCount, expected[page])
    }
    return (bytes, expected)
  }
}

extension [UInt8] {
  /// The first page whose digest is another one than expected.
  func firstPage(unlike digests: [UInt64], from first: Int = 0) -> Int? {
    withRawSpan { span in
      for page in first..<digests.count {
        let start = page * Int(Pieces.byteCount)
        let end = Swift.min(start + Int(Pieces.byteCount), span.byteCount)
        if XXH3.digest(span.extracting(start..<end)) != digests[page] { return page }
      }
      return nil
    }
  }
}

extension ImageSource where Self: ~Copyable {
  /// Checks what follows the digests.
  mutating func checkEnd(of head: ImageHead) throws {
    let end = head.index.end
    let bytes = try read(at: end.namesOffset, count: Int(end.fileByteCount - end.namesOffset))
    let segmentCount = head.bytes.withRawSpan { head.index.segmentCount($0) }
    try bytes.withRawSpan { (span) throws(ImageError) in
      try end.check(span, segmentCount: segmentCount)
    }
  }
}
