internal import CImage

/// What the digests of an image begin with, checked against its head.
///
/// The digests of the pieces come in blocks, and each block has a digest in the table. So a reader
/// may leave a block alone until it needs it.
public struct ImageDigests: ~Escapable {
  private let blocks: RawSpan
  private let end: ImageEnd

  /// Checks the table, and the head against its digest.
  ///
  /// - Parameters:
  ///   - table: `index.end.tableByteCount` bytes of the file from `index.digestsOffset` on.
  ///   - head: what `index` was made from.
  ///   - index: of the same image.
  /// - Throws: `.truncated`, `.badDigestMagic`, `.foreignDigests`, `.badDigestHeader`,
  ///   `.damagedDigests`, `.damagedHead`.
  @_lifetime(copy table)
  public init(table: RawSpan, head: RawSpan, index: ImageIndex) throws(ImageError) {
    let digest = XXH3.digest(head.extracting(0..<Int(index.headByteCount)))
    try self.init(table: table, head: head, headDigest: digest, index: index)
  }

  /// Likewise, when the head has been changed since.
  ///
  /// - Parameter headDigest: of the head as it was in the file.
  @_lifetime(copy table)
  public init(
    table: RawSpan, head: RawSpan, headDigest: UInt64, index: ImageIndex
  ) throws(ImageError) {
    let end = index.end
    let place = end.digestsOffset
    let present = UInt64(table.byteCount)
    try require(
      present >= end.tableByteCount, .truncated, at: place + present, place + end.tableByteCount)
    let header: ckpt_digest_header = table.loadUnaligned(at: 0)
    try require(header.magic == CKPT_DIGEST_MAGIC, .badDigestMagic, at: place, header.magic)
    try require(
      header.count == index.pieceCount && header.piece_bytes == Pieces.byteCount
        && header.head_bytes == index.headByteCount, .badDigestHeader, at: place, header.count)
    let tableDigest = ImageDigests.tableDigest(
      table.extracting(0..<Int(end.tableByteCount)), header)
    try require(
      header.table_digest == tableDigest, .damagedDigests, at: place + 56, header.table_digest)
    let image = ImageRecords<ckpt_image>(index.image, in: head)[0]
    try require(
      header.identity_low == image.identity_low && header.identity_high == image.identity_high,
      .foreignDigests, at: place + 8, header.identity_low)
    try require(header.head_digest == headDigest, .damagedHead, at: 0, headDigest)
    blocks = table.extracting(Int(ImageEnd.digestHeaderByteCount)..<Int(end.tableByteCount))
    self.end = end
  }

  /// Checks one block of digests.
  ///
  /// - Parameter digests: its bytes in the file.
  /// - Precondition: `block` is one of this image's.
  /// - Throws: `.truncated`, `.damagedDigests`.
  public func check(_ block: DigestBlock, _ digests: RawSpan) throws(ImageError) {
    try block.check(digests, against: self[block: Int(block.index)])
  }

  /// The digest of one block.
  ///
  /// - Precondition: `index` is below `index.end.blockCount`.
  public subscript(block index: Int) -> UInt64 {
    precondition(index >= 0 && UInt64(index) < end.blockCount)
    return blocks.loadUnaligned(at: index * 8)
  }

  /// Checks all blocks.
  ///
  /// - Parameter digests: `8 * index.pieceCount` bytes from `index.end.piecesOffset` on.
  /// - Throws: `.truncated`, `.damagedDigests`.
  public func checkAll(_ digests: RawSpan) throws(ImageError) {
    let present = UInt64(digests.byteCount)
    try require(
      present == 8 * end.pieceCount, .truncated, at: end.piecesOffset + present, end.namesOffset)
    var offset = 0
    for index in 0..<end.blockCount {
      let block = end.block(index)
      try check(block, digests.extracting(offset..<(offset + Int(block.byteCount))))
      offset += Int(block.byteCount)
    }
  }
}

extension DigestBlock {
  /// Checks the bytes of this block.
  ///
  /// - Throws: `.truncated`, `.damagedDigests`.
  public func check(_ digests: RawSpan, against expected: UInt64) throws(ImageError) {
    try require(
      UInt64(digests.byteCount) == byteCount, .truncated,
      at: fileOffset + UInt64(digests.byteCount), fileOffset + byteCount)
    let digest = XXH3.digest(digests)
    try require(digest == expected, .damagedDigests, at: fileOffset, digest)
  }
}
