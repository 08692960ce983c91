internal import CImage

/// What follows the data: the digests, the names of the sections, the section headers.
///
/// One definition for the agent, which writes it, and for all that read it. Everything follows from
/// two numbers.
public struct ImageEnd: Equatable, Sendable, BitwiseCopyable {
  /// Where the section `.ckpt.digests` starts: the first page boundary behind the data.
  public let digestsOffset: UInt64
  public let digestsByteCount: UInt64

  public init(digestsOffset: UInt64, pieceCount: UInt64) {
    self.digestsOffset = digestsOffset
    digestsByteCount = ImageEnd.digestHeaderByteCount + 8 * pieceCount
  }

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
    let isLong = segmentCount >= Elf.countElsewhere
    try check(bytes, first, type: 0, 0, 0, info: isLong ? UInt32(segmentCount) : 0)
    try check(bytes, first + 64, type: 1, digestsOffset, digestsByteCount, info: 0)
    try check(bytes, first + 128, type: 3, namesOffset, ImageEnd.namesByteCount, info: 0)
  }

  /// One section header; the types are SHT_NULL, SHT_PROGBITS and SHT_STRTAB.
  private func check(
    _ bytes: RawSpan, _ offset: Int, type: UInt32, _ start: UInt64, _ byteCount: UInt64,
    info: UInt32
  ) throws(ImageError) {
    let section = ElfSection(bytes, at: offset)
    let place = namesOffset + UInt64(offset)
    try require(section.type == type, .badSection, at: place + 4, UInt64(section.type))
    try require(section.info == info, .badSection, at: place + 44, UInt64(section.info))
    try require(section.offset == start, .badSection, at: place + 24, section.offset)
    try require(section.byteCount == byteCount, .badSection, at: place + 32, section.byteCount)
  }
}

extension ImageIndex {
  /// How many pieces the data has: as many as there are digests.
  public var pieceCount: UInt64 {
    (digestsByteCount - ImageEnd.digestHeaderByteCount) / 8
  }

  /// Where everything behind the data lies.
  public var end: ImageEnd { ImageEnd(digestsOffset: digestsOffset, pieceCount: pieceCount) }
}
