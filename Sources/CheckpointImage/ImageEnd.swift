internal import CImage

/// What follows the data: the digests, the names of the sections, the section headers.
///
/// One definition for the agent, which writes it, and for all that read it. Everything follows from
/// two numbers.
public struct ImageEnd: Equatable, Sendable, BitwiseCopyable {
  /// Where the section `.ckpt.digests` starts: a page boundary behind all data.
  public let digestsOffset: UInt64

  /// How many digests of pieces there are.
  public let pieceCount: UInt64

  /// - Precondition: there may be such a file: `pieceCount` is below 2⁵⁸, the offset below 2⁶².
  public init(digestsOffset: UInt64, pieceCount: UInt64) {
    self.digestsOffset = digestsOffset
    self.pieceCount = pieceCount
  }

  /// From where the section headers are; `nil` when there can't be so many digests before them.
  public init?(sectionsOffset: UInt64, pieceCount: UInt64) {
    guard sectionsOffset < 1 << 62, pieceCount < 1 << 58 else { return nil }
    let distance = ImageEnd(digestsOffset: 0, pieceCount: pieceCount).sectionsOffset
    guard distance <= sectionsOffset else { return nil }
    self.init(digestsOffset: sectionsOffset - distance, pieceCount: pieceCount)
  }

  /// How many blocks of digests there are: all but the last have 4096.
  public var blockCount: UInt64 {
    pieceCount / ImageEnd.blockPieceCount + (pieceCount % ImageEnd.blockPieceCount == 0 ? 0 : 1)
  }

  /// What the section begins with, in bytes: its header and the digests of the blocks.
  public var tableByteCount: UInt64 { ImageEnd.digestHeaderByteCount + 8 * blockCount }

  /// Where the digests of the pieces start.
  public var piecesOffset: UInt64 { digestsOffset + tableByteCount }

  public var digestsByteCount: UInt64 { tableByteCount + 8 * pieceCount }

  /// Where one block of digests lies.
  ///
  /// - Precondition: `index` is below `blockCount`.
  public func block(_ index: UInt64) -> DigestBlock {
    let first = index * ImageEnd.blockPieceCount
    return DigestBlock(
      index: index, fileOffset: piecesOffset + 8 * first,
      pieceCount: min(ImageEnd.blockPieceCount, pieceCount - first))
  }

  /// Pieces whose digests have a digest together: `CKPT_BLOCK_PIECES`.
  public static let blockPieceCount: UInt64 = 4096

  /// Where the section `.shstrtab` starts.
  public var namesOffset: UInt64 { digestsOffset + digestsByteCount }

  /// Where the section headers start, `e_shoff`: behind the names, at a multiple of 8.
  public var sectionsOffset: UInt64 { namesOffset + ImageEnd.namesPaddedByteCount }

  public var fileByteCount: UInt64 {
    sectionsOffset + UInt64(ImageEnd.sectionCount) * UInt64(Elf.sectionByteCount)
  }

  /// The contents of `.shstrtab`; offsets into it are `sh_name`.
  public static let names: StaticString = "\0.ckpt.digests\0.shstrtab\0"
  public static let namesByteCount: UInt64 = 25
  public static let digestsName: UInt32 = 1
  public static let namesName: UInt32 = 15

  /// With the zero bytes that follow it.
  public static let namesPaddedByteCount: UInt64 = 32

  /// The null section (with the real number of program headers in `sh_info` where that does not
  /// fit the ELF header), `.ckpt.digests` and `.shstrtab`.
  public static let sectionCount: UInt16 = 3
  public static let digestsIndex = 1
  public static let sectionNamesIndex: UInt16 = 2

  /// `sizeof(struct ckpt_digest_header)`.
  public static let digestHeaderByteCount: UInt64 = 64

  /// Checks what follows the digests.
  ///
  /// - Parameters:
  ///   - bytes: the file from `namesOffset` to its end.
  ///   - segmentCount: how many program headers there are.
  /// - Throws: `.truncated`, `.badSection`.
  public func check(_ bytes: RawSpan, segmentCount: UInt64) throws(ImageError) {
    let needed = fileByteCount - namesOffset
    try require(
      UInt64(bytes.byteCount) == needed, .truncated, at: namesOffset + UInt64(bytes.byteCount),
      fileByteCount)
    for index in 0..<Int(ImageEnd.namesPaddedByteCount) {
      let expected = index < ImageEnd.namesByteCount ? ImageEnd.name(at: index) : 0
      let found = bytes.loadUnaligned(at: index, as: UInt8.self)
      try require(found == expected, .badSection, at: namesOffset + UInt64(index), UInt64(found))
    }
    let first = Int(ImageEnd.namesPaddedByteCount)
    for index in 0..<Int(ImageEnd.sectionCount) {
      let header = section(index, segmentCount)
      for word in 0..<8 {
        let offset = first + index * Elf.sectionByteCount + word * 8
        let found = bytes.loadUnaligned(at: offset, as: UInt64.self)
        try require(found == header[word], .badSection, at: namesOffset + UInt64(offset), found)
      }
    }
  }

  /// A section header as eight words: name and type, flags, address, offset, size, link and info,
  /// alignment, entry size.
  ///
  /// The types are SHT_NULL (0), SHT_PROGBITS (1) and SHT_STRTAB (3).
  func section(_ index: Int, _ segmentCount: UInt64) -> InlineArray<8, UInt64> {
    switch index {
    case 0: [0, 0, 0, 0, 0, segmentCount < Elf.countElsewhere ? 0 : segmentCount << 32, 0, 0]
    case ImageEnd.digestsIndex:
      [UInt64(ImageEnd.digestsName) | 1 << 32, 0, 0, digestsOffset, digestsByteCount, 0, 8, 0]
    default:
      [
        UInt64(ImageEnd.namesName) | 3 << 32, 0, 0, namesOffset, ImageEnd.namesByteCount, 0, 1, 0,
      ]
    }
  }
}

/// Digests of pieces that have one digest together.
public struct DigestBlock: Equatable, Sendable, BitwiseCopyable {
  /// Which of the blocks this is; its first digest is of piece `index * 4096`.
  public let index: UInt64

  /// Bytes from the start of the image.
  public let fileOffset: UInt64

  /// From 1 to 4096.
  public let pieceCount: UInt64

  public var byteCount: UInt64 { 8 * pieceCount }
}
