import CImage
import CheckpointImage
import Testing

@Suite struct ImageDigestsTests {
  private static let whole = TestImage.small().bytes()

  @Test func pieceCountsRoundUp() {
    #expect(Pieces.byteCountLimit == CKPT_PIECE_BYTES)
    #expect(Pieces.count(of: 0) == 0)
    #expect(Pieces.count(of: 1) == 1)
    #expect(Pieces.count(of: 1 << 20) == 1)
    #expect(Pieces.count(of: 1 << 20 + 1) == 2)
    #expect(Pieces.count(of: .max) == 1 << 44)
  }

  @Test func piecesComeInFileOrder() throws {
    let index = try index(of: Self.whole)
    let pieces = Self.whole.withSpan { head in
      var cursor = PieceCursor(index, head: head)
      var pieces: [Piece] = []
      while let piece = cursor.next() { pieces.append(piece) }
      return pieces
    }
    #expect(pieces.map(\.index) == Array(0..<8))
    #expect(UInt64(pieces.count) == index.pieceCount)
    #expect(pieces.first?.fileOffset == index.headByteCount)
    #expect(pieces.last?.fileOffset == index.digestsOffset - 4096)
    #expect(pieces.last?.byteCount == 100)
    #expect(pieces.last?.owner == .extent(1))
    for (first, second) in zip(pieces, pieces.dropFirst()) {
      #expect((first.fileOffset + first.byteCount + 4095) & ~4095 == second.fileOffset)
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
  @Test(arguments: [1, 22, 23, 200])
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
}
