import CImage
import Kernel
import KernelABI
import Testing

@testable import Restart

/// Made-up chains: pages are numbered from `base` on.
@Suite struct FlatteningTests {
  private static let base: UInt64 = 0x7000_0000

  private struct Run {
    var kind: UInt32
    var pages: Range<UInt64>
    var file: UInt64 = 0
    var flags: UInt32 = 0
  }

  private struct Part: Equatable {
    var pages: Range<UInt64>
    var source: UInt32
    var file: UInt64
    var piece: UInt64
  }

  /// - Parameter images: newest first, each the runs of its one region of 100 pages.
  private func flatten(
    _ images: [[Run]], region kind: UInt32 = CKPT_REGION_ANONYMOUS,
    _ look: (Span) -> Void = { _ in }
  ) throws -> [Part] {
    var arena = try Arena(mapping: 1 << 20)
    defer { try? Mapping.unmap(arena.range) }
    var links = try Table<ChainLink>(in: &arena, capacity: images.count)
    for image in images {
      var regions = try Table<ckpt_region>(in: &arena, capacity: 1)
      var region = ckpt_region()
      region.start = Self.base
      region.end = Self.base + 100 * pageByteCount
      region.kind = kind
      region.run_count = UInt64(image.count)
      try regions.append(region)
      var runs = try Table<ckpt_run>(in: &arena, capacity: image.count)
      for run in image {
        try runs.append(
          ckpt_run(
            address: Self.base + run.pages.lowerBound * pageByteCount,
            byte_count: UInt64(run.pages.count) * pageByteCount,
            file_offset: run.file * pageByteCount, kind: run.kind, flags: run.flags, region: 0,
            reserved: 0))
      }
      try links.append(
        ChainLink(
          runs: Records(at: runs.base, count: runs.count),
          regions: Records(at: regions.base, count: 1), strings: .zero, in: &arena))
    }
    var flattening = try Flattening(links, in: &arena)
    var parts: [Part] = []
    try flattening.walk(region: 0) { span, _ in
      look(span)
      let first = (span.address.rawValue - Self.base) / pageByteCount
      parts.append(
        Part(
          pages: first..<(first + span.byteCount / pageByteCount), source: span.source,
          file: span.fileOffset / pageByteCount, piece: span.piece))
    }
    return parts
  }

  /// Only a file brings its own bytes: those of another kernel's vdso have to be read.
  @Test(arguments: [
    (CKPT_REGION_PRIVATE_FILE, true), (CKPT_REGION_VDSO, false), (CKPT_REGION_ANONYMOUS, false),
  ])
  func whatIsClean(kind: UInt32, isClean: Bool) throws {
    let run = Run(kind: CKPT_RUN_HERE, pages: 0..<2, flags: CKPT_RUN_CLEAN)
    var found: [Bool] = []
    _ = try flatten([[run]], region: kind) { found.append($0.isClean) }
    #expect(found == [isClean])
  }

  @Test func anImageAlone() throws {
    let parts = try flatten([
      [
        Run(kind: CKPT_RUN_HERE, pages: 0..<4, file: 10),
        Run(kind: CKPT_RUN_ZERO, pages: 4..<8), Run(kind: CKPT_RUN_HERE, pages: 9..<10, file: 20),
      ]
    ])
    let expected: [Part] = [
      Part(pages: 0..<4, source: 0, file: 10, piece: 0),
      Part(pages: 9..<10, source: 0, file: 20, piece: 4),
    ]
    #expect(parts == expected)
  }

  @Test func whatIsInTheParentAndItsParent() throws {
    let parts = try flatten([
      [
        Run(kind: CKPT_RUN_PARENT, pages: 0..<10),
        Run(kind: CKPT_RUN_HERE, pages: 10..<11, file: 5),
        Run(kind: CKPT_RUN_PARENT, pages: 11..<20),
      ],
      [
        Run(kind: CKPT_RUN_HERE, pages: 2..<3, file: 7),
        Run(kind: CKPT_RUN_PARENT, pages: 3..<15),
      ],
      [Run(kind: CKPT_RUN_HERE, pages: 0..<13, file: 100)],
    ])
    let expected: [Part] = [
      Part(pages: 2..<3, source: 1, file: 7, piece: 0),
      Part(pages: 3..<10, source: 2, file: 103, piece: 3),
      Part(pages: 10..<11, source: 0, file: 5, piece: 0),
      Part(pages: 11..<13, source: 2, file: 111, piece: 11),
    ]
    #expect(parts == expected)
  }

  @Test func whatNoImageHasOfAMappedFile() throws {
    let parts = try flatten(
      [
        [Run(kind: CKPT_RUN_PARENT, pages: 0..<4)],
        [Run(kind: CKPT_RUN_HERE, pages: 1..<2, file: 3)],
      ], region: CKPT_REGION_PRIVATE_FILE)
    let expected: [Part] = [
      Part(pages: 0..<1, source: Span.zeros, file: 0, piece: 0),
      Part(pages: 1..<2, source: 1, file: 3, piece: 0),
      Part(pages: 2..<4, source: Span.zeros, file: 0, piece: 0),
    ]
    #expect(parts == expected)
  }

  @Test func aCleanHoleStaysAHole() throws {
    let parts = try flatten(
      [[Run(kind: CKPT_RUN_PARENT, pages: 0..<4, flags: CKPT_RUN_CLEAN)], []],
      region: CKPT_REGION_PRIVATE_FILE)
    #expect(parts.isEmpty)
  }

  @Test func piecesCountRunsInFilesToo() throws {
    let parts = try flatten(
      [
        [
          Run(kind: CKPT_RUN_FILE, pages: 0..<3, file: 1),
          Run(kind: CKPT_RUN_HERE, pages: 3..<4, file: 2),
        ]
      ], region: CKPT_REGION_PRIVATE_FILE)
    #expect(parts.map(\.piece) == [0, 3])
  }

  @Test func aParentThatIsNotThere() {
    #expect(throws: RestartFailure.self) {
      try flatten([[Run(kind: CKPT_RUN_PARENT, pages: 0..<4)]])
    }
  }
}
