internal import CImage

/// Reads the digests of an image's pages, block by block, and checks each block.
struct DigestReader {
  private let end: ImageEnd

  /// The digests of the blocks.
  private let blockDigests: [UInt64]

  /// The block that was read last.
  private var current: DigestBlock?
  private var digests: [UInt64] = []

  /// Checks the table of blocks, and the head against its digest.
  ///
  /// - Throws: `ImageError`, or what the source throws.
  init(_ head: ImageHead, _ source: inout some ImageSource & ~Copyable) throws {
    let end = head.index.end
    let table = try source.read(at: end.digestsOffset, count: Int(end.tableByteCount))
    blockDigests = try table.withRawSpan { (table) throws(ImageError) in
      try head.bytes.withRawSpan { (bytes) throws(ImageError) in
        let digests = try ImageDigests(table: table, head: bytes, index: head.index)
        return (0..<Int(end.blockCount)).map { digests[block: $0] }
      }
    }
    self.end = end
  }

  /// Checks all blocks.
  mutating func checkAll(_ source: inout some ImageSource & ~Copyable) throws {
    for index in 0..<end.blockCount { try readBlock(index, &source) }
  }

  /// The digests of pieces that lie side by side.
  ///
  /// - Precondition: the image has these pieces.
  mutating func read(
    _ first: UInt64, _ count: Int, _ source: inout some ImageSource & ~Copyable
  ) throws -> [UInt64] {
    var found: [UInt64] = []
    while found.count < count {
      let piece = first + UInt64(found.count)
      try readBlock(piece / ImageEnd.blockPieceCount, &source)
      let start = Int(piece % ImageEnd.blockPieceCount)
      found += digests[start..<min(digests.count, start + count - found.count)]
    }
    return found
  }

  private mutating func readBlock(
    _ index: UInt64, _ source: inout some ImageSource & ~Copyable
  ) throws {
    if current?.index == index { return }
    let block = end.block(index)
    let bytes = try source.read(at: block.fileOffset, count: Int(block.byteCount))
    let digest = blockDigests[Int(index)]
    digests = try bytes.withRawSpan { (span) throws(ImageError) in
      try block.check(span, against: digest)
      return (0..<Int(block.pieceCount)).map { span.loadUnaligned(at: $0 * 8) }
    }
    current = block
  }
}
