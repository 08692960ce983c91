internal import CImage

/// What stands before the image: the program `restart`, with a few words of it replaced.
extension Executable {
  /// Eight bytes of the head that are not those of `restart`.
  public struct Patch: Equatable, Sendable, BitwiseCopyable {
    public let offset: UInt64
    public let value: UInt64
  }

  /// How many words are replaced: two of the ELF header, and the note's.
  public static let patchCount = 2 + Int(CKPT_EXECUTABLE_BYTES) / 8

  /// One of the words that are replaced: where the section headers are, how many, and the note.
  ///
  /// - Precondition: `index` is in `0..<patchCount`.
  public func patch(_ index: Int) -> Patch {
    switch index {
    case 0: Patch(offset: 40, value: sectionsOffset)
    case 1: Patch(offset: 56, value: counts)
    default:
      Patch(offset: slot.noteOffset + UInt64(index - 2) * 8, value: recordWord(index - 2))
    }
  }

  /// The end of the ELF header: e_phnum, e_shentsize, e_shnum, e_shstrndx.
  private var counts: UInt64 {
    UInt64(slot.segmentCount) | UInt64(Elf.sectionByteCount) << 16 | UInt64(sectionCount) << 32
      | UInt64(sectionCount - 1) << 48
  }

  private func recordWord(_ index: Int) -> UInt64 {
    switch index {
    case 0: UInt64(CKPT_EXECUTABLE_MAGIC)
    case 1: UInt64(Self.version) | UInt64(flags) << 32
    case 2: identityLow
    case 3: identityHigh
    case 4: imageOffset
    case 5: imageByteCount
    case 6: pagesOffset
    case 7: pagesByteCount
    case 8: unpackedByteCount
    default: headDigest
    }
  }

  /// The digest of the head: those of what is before the digest's own field and of what is behind
  /// it, together.
  ///
  /// - Parameter head: the first `imageOffset` bytes of the file.
  /// - Precondition: it has as many.
  public func digest(ofHead head: RawSpan) -> UInt64 {
    let field = Int(slot.noteOffset) + Int(CKPT_EXECUTABLE_BYTES) - 8
    let first = XXH3.digest(head.extracting(0..<field))
    let second = XXH3.digest(head.extracting((field + 8)..<Int(imageOffset)))
    return first &* prime64_1 ^ second
  }

  /// Checks what stands before the image.
  ///
  /// - Parameter head: the first `imageOffset` bytes of the file.
  /// - Throws: `.truncated`, `.badElfHeader`, `.damagedProgram`.
  public func check(head: RawSpan) throws(ImageError) {
    try require(
      UInt64(head.byteCount) == imageOffset, .truncated, at: UInt64(head.byteCount), imageOffset)
    for index in 0..<Self.patchCount {
      let patch = patch(index)
      let found: UInt64 = head.loadUnaligned(at: Int(patch.offset))
      try require(found == patch.value, .badElfHeader, at: patch.offset, found)
    }
    let found = digest(ofHead: head)
    try require(found == headDigest, .damagedProgram, at: 0, found)
  }
}
