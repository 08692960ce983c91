import CImage
import CheckpointImage
import TestImages
import Testing

@Suite struct ImageDigestsTests {
  private static let whole = TestImage.small().bytes()

  @Test func pieceCountsRoundUp() {
    #expect(Pieces.byteCount == CKPT_PIECE_BYTES)
    #expect(ImageEnd.blockPieceCount == CKPT_BLOCK_PIECES)
    #expect(Pieces.count(of: 0) == 0)
    #expect(Pieces.count(of: 1) == 1)
    #expect(Pieces.count(of: 4096) == 1)
    #expect(Pieces.count(of: 4097) == 2)
    #expect(Pieces.count(of: .max) == 1 << 52)
  }

  @Test func blocksHold4096Digests() {
    for (pieces, blocks) in [(0, 0), (1, 1), (4096, 1), (4097, 2), (8192, 2)] as [(UInt64, UInt64)]
    {
      let end = ImageEnd(digestsOffset: 4096, pieceCount: pieces)
      #expect(end.blockCount == blocks)
      #expect(end.digestsByteCount == 64 + 8 * (blocks + pieces))
      #expect(ImageEnd(sectionsOffset: end.sectionsOffset, pieceCount: pieces) == end)
      #expect((0..<blocks).reduce(0) { $0 + end.block($1).pieceCount } == pieces)
      guard blocks > 0 else { continue }
      let last = end.block(blocks - 1)
      #expect(last.fileOffset + last.byteCount == end.namesOffset)
    }
    #expect(ImageEnd(sectionsOffset: 100, pieceCount: 1) == nil)
    #expect(ImageEnd(sectionsOffset: .max, pieceCount: .max) == nil)
  }

  @Test func stretchesComeInTheOrderOfTheTables() throws {
    let index = try index(of: Self.whole)
    let all = stretches(Self.whole, index)
    #expect(all.map(\.firstPiece) == [0, 2, 3, 4, 304, 306, 308])
    #expect(all.last.map { $0.firstPiece + $0.pieceCount } == index.pieceCount)
    #expect(all.first?.fileOffset == index.headByteCount)
    #expect(all.last?.fileOffset == index.digestsOffset - 4096)
    #expect(all.last?.byteCount == 100)
    #expect(all.last?.owner == .extent(1))
    for (first, second) in zip(all, all.dropFirst()) {
      #expect((first.fileOffset + first.byteCount + 4095) & ~4095 == second.fileOffset)
    }
  }

  @Test func whatIsInAFileHasDigests() throws {
    var made = TestImage.small()
    made.runs[1].kind = CKPT_RUN_FILE
    let bytes = made.bytes()
    let index = try index(of: bytes, fileByteCount: UInt64(bytes.count))
    let file = stretches(bytes, index)[1]
    #expect(file.owner == .fileRun(1))
    #expect(file.fileOffset == 2 * 4096)
    #expect(file.firstPiece == 2)
    var source = MemorySource(bytes)
    #expect(try CheckpointImageFile.verify(&source).isIntact)
  }

  private func stretches(_ bytes: [UInt8], _ index: ImageIndex) -> [Stretch] {
    bytes.withSpan { head in
      var cursor = StretchCursor(index, head: head)
      var all: [Stretch] = []
      while let stretch = cursor.next() { all.append(stretch) }
      return all
    }
  }

  /// Every flipped byte of the section is refused.
  @Test func seesEveryDamageOfTheSection() throws {
    let index = try index(of: Self.whole)
    let head = Array(Self.whole[..<Int(index.headByteCount)])
    let start = Int(index.digestsOffset)
    let section = Array(Self.whole[start..<(start + Int(index.digestsByteCount))])
    #expect(digestRefusal(section, head, index) == nil)
    for offset in section.indices {
      var damaged = section
      damaged[offset] ^= 0x10
      #expect(digestRefusal(damaged, head, index) != nil, "offset \(offset)")
      let short = Array(section[..<offset])
      #expect(digestRefusal(short, head, index)?.refusal == .truncated)
    }
  }

  @Test func refusesTheDigestsOfAnotherImage() throws {
    var made = TestImage.small()
    made.image.identity_low += 1
    let other = made.bytes()
    let index = try index(of: Self.whole)
    let head = Array(Self.whole[..<Int(index.headByteCount)])
    let section = Array(other[Int(index.digestsOffset)...])
    #expect(digestRefusal(section, head, index)?.refusal == .foreignDigests)
  }

  /// More digests than the short forms of XXH3 take.
  @Test(arguments: [1, 22, 23, 200, 3783, 3784, 3785, 9000])
  func takesTablesOfAnySize(pages: UInt64) throws {
    var made = TestImage.small()
    made.regions[2].run_count = 0
    made.runs.removeAll { $0.kind == CKPT_RUN_OBJECT }
    made.regions[3].first_run -= 1
    let first = made.runs.removeLast()
    let count = made.runs.count
    for page in 0..<pages {
      var run = first
      run.address += page * 4096
      run.byte_count = 4096
      made.runs.append(run)
    }
    made.regions[3].end = made.regions[3].start + pages * 4096
    made.regions[3].first_run = UInt64(count)
    made.regions[3].run_count = pages
    var source = MemorySource(made.bytes())
    #expect(try CheckpointImageFile.verify(&source).isIntact)
  }

  /// A page's digest can be had without those of other blocks.
  @Test func seesDamageOfABlock() throws {
    var made = TestImage.small()
    made.regions[1].end += 5000 * 4096
    made.runs[3].byte_count += 5000 * 4096
    for index in 4...5 { made.runs[index].address += 5000 * 4096 }
    var bytes = made.bytes()
    let index = try index(of: bytes)
    #expect(index.end.blockCount == 2)
    let place = Int(index.end.block(1).fileOffset) + 77
    bytes[place] ^= 1
    let head = Array(bytes[..<Int(index.headByteCount)])
    let section = Array(bytes[Int(index.digestsOffset)..<Int(index.end.namesOffset)])
    let found = digestRefusal(section, head, index)
    #expect(found?.refusal == .damagedDigests)
    #expect(found?.offset == index.end.block(1).fileOffset)
    try section.withSpan { (section) throws(ImageError) in
      try head.withSpan { (head) throws(ImageError) in
        let table = Int(index.end.tableByteCount)
        let digests = try ImageDigests(
          table: section.extracting(..<table), head: head, index: index)
        try digests.check(index.end.block(0), section.extracting(table..<(table + 32768)))
      }
    }
  }
}
