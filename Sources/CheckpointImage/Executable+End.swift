internal import CImage

/// What comes last: the names of the sections, and their headers.
///
/// They are for `readelf`, `objcopy` and `gdb`; the kernel doesn't look at them.
extension Executable {
  /// The contents of `.shstrtab`; offsets into it are `sh_name`.
  static let names: StaticString = "\0.note.ckpt\0.ckpt.image\0.ckpt.pages\0.shstrtab\0"
  private static let namesByteCount: UInt64 = 46
  private static let namesPaddedByteCount: UInt64 = 48

  /// The null section, the note, the image, the list of pages if there is one, the names.
  var sectionCount: UInt16 { pagesByteCount == 0 ? 4 : 5 }

  var sectionsOffset: UInt64 { namesOffset + Self.namesPaddedByteCount }

  var endByteCount: UInt64 {
    Self.namesPaddedByteCount + UInt64(sectionCount) * UInt64(Elf.sectionByteCount)
  }

  /// The words from `namesOffset` to the end of the file.
  public var endWordCount: Int { Int(endByteCount / 8) }

  /// One of them.
  ///
  /// - Precondition: `index` is in `0..<endWordCount`.
  public func endWord(_ index: Int) -> UInt64 {
    let nameWordCount = Int(Self.namesPaddedByteCount / 8)
    guard index >= nameWordCount else { return Self.nameWord(index) }
    let (section, word) = (index - nameWordCount).quotientAndRemainder(dividingBy: 8)
    return header(section)[word]
  }

  private static func nameWord(_ index: Int) -> UInt64 {
    var word: UInt64 = 0
    for byte in 0..<8 where index * 8 + byte < Int(namesByteCount) {
      word |= UInt64(names.byte(at: index * 8 + byte)) << (UInt64(byte) * 8)
    }
    return word
  }

  /// A section header as eight words, like `ImageEnd.section`.
  ///
  /// The types are SHT_PROGBITS (1), SHT_STRTAB (3) and SHT_NOTE (7). The image has SHF_ALLOC (2)
  /// though no segment loads it: `objcopy -O binary` takes out nothing else.
  private func header(_ section: Int) -> InlineArray<8, UInt64> {
    switch section {
    case 0: [0, 0, 0, 0, 0, 0, 0, 0]
    case 1:
      [
        1 | 7 << 32, 2, slot.noteAddress, slot.noteOffset - ExecutableSlot.noteHeaderByteCount,
        ExecutableSlot.noteHeaderByteCount + UInt64(CKPT_EXECUTABLE_BYTES), 0, 4, 0,
      ]
    case 2: [12 | 1 << 32, 2, 0, imageOffset, imageByteCount, 0, 4096, 0]
    case 3 where pagesByteCount > 0: [24 | 1 << 32, 0, 0, pagesOffset, pagesByteCount, 0, 8, 0]
    default: [36 | 3 << 32, 0, 0, namesOffset, Self.namesByteCount, 0, 1, 0]
    }
  }

  /// Checks the end of the file.
  ///
  /// - Parameter bytes: the file from `namesOffset` on.
  /// - Throws: `.truncated`, `.badSection`.
  public func check(end bytes: RawSpan) throws(ImageError) {
    try require(
      UInt64(bytes.byteCount) == endByteCount, .truncated,
      at: namesOffset + UInt64(bytes.byteCount),
      fileByteCount)
    for index in 0..<endWordCount {
      let found: UInt64 = bytes.loadUnaligned(at: index * 8)
      try require(
        found == endWord(index), .badSection, at: namesOffset + UInt64(index) * 8, found)
    }
  }
}
