internal import CImage
internal import KernelABI

/// No head is larger: it has to fit into memory beside the program, and one of 4 GiB describes
/// forty million runs.
private let headByteLimit: UInt64 = 1 << 32

extension ImageIndex {
  /// What of an image has to be read to know how large its head is, in bytes.
  public static let prefixByteCount = 4096

  /// The size of the head, from the first `prefixByteCount` bytes of the file.
  ///
  /// A shorter prefix is a shorter file.
  /// - Throws: `.truncated`, `.notElf`, `.foreignElf`, `.badElfHeader`, `.badNotesSegment`,
  ///   `.badSegmentCount`, `.headTooLarge`.
  public static func headByteCount(prefix: RawSpan) throws(ImageError) -> UInt64 {
    let notes = try notesSegment(prefix)
    let end = notes.offset + notes.fileByteCount
    try require(end <= headByteLimit, .headTooLarge, at: 72, end)
    return roundedUpToPage(end)
  }

  /// Checks the head of an image.
  ///
  /// Whatever the head says is checked here, and nothing that it says about the rest of the file is
  /// taken on trust: see `ImageDigests` for that. Stopped-world safe.
  /// - Parameters:
  ///   - head: the first `headByteCount(prefix:)` bytes of the file.
  ///   - fileByteCount: of the whole file, `nil` when it is not known (a pipe).
  /// - Throws: what is wrong first, in file order of the structures.
  public init(head: RawSpan, fileByteCount: UInt64?) throws(ImageError) {
    self.init()
    headByteCount = try ImageIndex.headByteCount(prefix: head)
    try require(
      UInt64(head.byteCount) >= headByteCount, .truncated, at: UInt64(head.byteCount),
      headByteCount)
    let notes = try ImageIndex.notesSegment(head)
    try findNotes(head, from: Int(notes.offset), to: Int(notes.offset + notes.fileByteCount))
    try checkIdentity(head)
    try checkMemory(head)
    try checkProcess(head)
    try checkAgent(head)
    try checkDescriptors(head)
    try checkSignals(head)
    try checkEnd(head, fileByteCount)
  }

  /// The ELF header and the first program header, checked against each other.
  ///
  /// The program headers end where the notes begin, so the size of the table is known without the
  /// section headers, which are at the other end of the file.
  static func notesSegment(_ head: RawSpan) throws(ImageError) -> ElfSegment {
    let present = UInt64(head.byteCount)
    try require(present >= 4, .truncated, at: present, 4)
    let magic = head.loadUnaligned(at: 0, as: UInt32.self)
    try require(magic == Elf.magic, .notElf, at: 0, UInt64(magic))
    let needed = Elf.headerByteCount + Elf.segmentByteCount
    try require(present >= needed, .truncated, at: present, UInt64(needed))
    let header = ElfHeader(head)
    try check(header)
    let notes = ElfSegment(head, at: Elf.headerByteCount)
    try require(notes.type == Elf.noteSegment, .badNotesSegment, at: 64, UInt64(notes.type))
    let (end, overflows) = notes.offset.addingReportingOverflow(notes.fileByteCount)
    try require(!overflows && end < 1 << 62, .badNotesSegment, at: 72, notes.offset)
    try require(notes.offset >= needed, .badNotesSegment, at: 72, notes.offset)
    let tableByteCount = notes.offset - UInt64(Elf.headerByteCount)
    let (count, rest) = tableByteCount.quotientAndRemainder(
      dividingBy: UInt64(Elf.segmentByteCount))
    try require(rest == 0, .badNotesSegment, at: 72, notes.offset)
    let counted = min(count, UInt64(Elf.countElsewhere))
    try require(
      UInt64(header.segmentCount) == counted, .badSegmentCount, at: 56,
      UInt64(header.segmentCount))
    return notes
  }

  private static func check(_ header: ElfHeader) throws(ImageError) {
    try require(
      header.classDataVersion == Elf.classDataVersion, .foreignElf, at: 4,
      UInt64(header.classDataVersion))
    try require(header.type == Elf.coreType, .foreignElf, at: 16, UInt64(header.type))
    try require(header.machine == Elf.machine, .foreignElf, at: 18, UInt64(header.machine))
    try require(header.version == 1, .badElfHeader, at: 20, UInt64(header.version))
    try require(
      header.segmentsOffset == Elf.headerByteCount, .badElfHeader, at: 32, header.segmentsOffset)
    try require(
      header.headerByteCount == Elf.headerByteCount, .badElfHeader, at: 52,
      UInt64(header.headerByteCount))
    try require(
      header.segmentByteCount == Elf.segmentByteCount, .badElfHeader, at: 54,
      UInt64(header.segmentByteCount))
  }

  /// Finds the end of the data: behind it are the digests, and so many that the sections begin
  /// where the ELF header says.
  mutating func findEnd(_ head: RawSpan) throws(ImageError) {
    let sectionsOffset = ElfHeader(head).sectionsOffset
    let end = ImageEnd(sectionsOffset: sectionsOffset, pieceCount: pieceCount)
    try require(
      end.map { $0.digestsOffset >= headByteCount && $0.digestsOffset % pageByteCount == 0 }
        ?? false, .badElfHeader, at: 40, sectionsOffset)
    digestsOffset = end?.digestsOffset ?? 0
  }

  /// The section headers, and the size of the file.
  private func checkEnd(_ head: RawSpan, _ actualByteCount: UInt64?) throws(ImageError) {
    let header = ElfHeader(head)
    try require(
      header.sectionByteCount == Elf.sectionByteCount, .badElfHeader, at: 58,
      UInt64(header.sectionByteCount))
    try require(
      header.sectionCount == ImageEnd.sectionCount, .badElfHeader, at: 60,
      UInt64(header.sectionCount))
    try require(
      header.sectionNamesIndex == ImageEnd.sectionNamesIndex, .badElfHeader, at: 62,
      UInt64(header.sectionNamesIndex))
    guard let actualByteCount else { return }
    try require(
      actualByteCount >= fileByteCount, .truncated, at: actualByteCount, fileByteCount)
    try require(
      actualByteCount == fileByteCount, .wrongFileSize, at: fileByteCount, actualByteCount)
  }
}
