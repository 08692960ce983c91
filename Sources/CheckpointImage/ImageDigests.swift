internal import CImage

/// The digests of an image, checked against its head.
public struct ImageDigests: ~Escapable {
  private let section: RawSpan

  /// How many there are: one for each piece.
  public let count: Int

  /// Checks the section `.ckpt.digests`, and the head against its digest.
  ///
  /// - Parameters:
  ///   - section: `index.digestsByteCount` bytes of the file from `index.digestsOffset` on.
  ///   - head: what `index` was made from.
  ///   - index: of the same image.
  /// - Throws: `.truncated`, `.badDigestMagic`, `.foreignDigests`, `.badDigestHeader`,
  ///   `.damagedDigests`, `.damagedHead`.
  @_lifetime(copy section)
  public init(section: RawSpan, head: RawSpan, index: ImageIndex) throws(ImageError) {
    let place = index.digestsOffset
    let present = UInt64(section.byteCount)
    try require(
      present >= index.digestsByteCount, .truncated, at: place + present,
      place + index.digestsByteCount)
    let header: ckpt_digest_header = section.loadUnaligned(at: 0)
    try require(header.magic == CKPT_DIGEST_MAGIC, .badDigestMagic, at: place, header.magic)
    let digests = section.extracting(
      Int(ImageEnd.digestHeaderByteCount)..<Int(index.digestsByteCount))
    try require(
      header.count == index.pieceCount && header.piece_bytes == Pieces.byteCountLimit
        && header.head_bytes == index.headByteCount, .badDigestHeader, at: place, header.count)
    let tableDigest = ImageDigests.tableDigest(
      section.extracting(0..<Int(index.digestsByteCount)), header)
    try require(
      header.table_digest == tableDigest, .damagedDigests, at: place + 56, header.table_digest)
    let image = ImageRecords<ckpt_image>(index.image, in: head)[0]
    try require(
      header.identity_low == image.identity_low && header.identity_high == image.identity_high,
      .foreignDigests, at: place + 8, header.identity_low)
    let headDigest = XXH3.digest(head.extracting(0..<Int(index.headByteCount)))
    try require(header.head_digest == headDigest, .damagedHead, at: 0, headDigest)
    self.section = digests
    count = Int(index.pieceCount)
  }

  /// The digest of one piece.
  ///
  /// - Precondition: `index` lies in `0..<count`.
  public subscript(index: Int) -> UInt64 {
    precondition(index >= 0 && index < count)
    return section.loadUnaligned(at: index * 8)
  }
}
