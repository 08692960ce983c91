import Kernel
import KernelABI
import Testing

@testable import Restart

@Suite struct FillPlanTests {
  private static let huge: UInt64 = 2 << 20

  private func span(_ address: UInt64, _ byteCount: UInt64) -> Span {
    Span(
      address: Address(address), byteCount: byteCount, fileOffset: 0, piece: 0, source: 0, link: 0,
      region: 0, isClean: false)
  }

  private func units(_ spans: [Span], moves: Bool = false) throws -> [FillUnit] {
    var arena = try Arena(mapping: 1 << 22)
    defer { try? Mapping.unmap(arena.range) }
    var table = try Table<Span>(in: &arena, capacity: spans.count)
    for span in spans { try table.append(span) }
    let capacity = Int(FillUnit.capacity(for: table))
    var plan = FillPlan(try Table(in: &arena, capacity: capacity))
    for (index, span) in spans.enumerated() {
      try plan.add(index, span, movable: moves ? span.wholeHugePages : nil)
    }
    try plan.endGroup()
    return (0..<plan.units.count).map { plan.units[$0] }
  }

  @Test func movesWholeHugePagesOnly() throws {
    let found = try units([span(Self.huge - 4096, 3 * Self.huge)], moves: true)
    #expect(found.map(\.kind) == [.direct, .moved, .moved, .direct])
    let offsets: [UInt64] = [0, 4096, 4096 + Self.huge, 4096 + 2 * Self.huge]
    let byteCounts: [UInt64] = [4096, Self.huge, Self.huge, Self.huge - 4096]
    #expect(found.map(\.offset) == offsets)
    #expect(found.map(\.byteCount) == byteCounts)
  }

  @Test func groupsSmallSpans() throws {
    let found = try units((0..<300).map { span($0 * 8192, 4096) })
    #expect(found.map(\.kind) == [.spans, .spans])
    #expect(found.map(\.spanCount) == [256, 44])
    #expect(found.map(\.span) == [0, 256])
  }

  @Test func neitherLosesNorRepeatsAByte() throws {
    let sizes: [UInt64] = [1, 700, 3, 300, 300, 5000, 2, 512, 513, 1]
    var address: UInt64 = 0x1000
    let spans = sizes.map { pages in
      defer { address += pages * 4096 + 4096 }
      return span(address, pages * 4096)
    }
    for moves in [false, true] {
      let found = try units(spans, moves: moves)
      let byteCount: UInt64 = found.reduce(0) { $0 + $1.byteCount }
      let expected: UInt64 = sizes.reduce(0) { $0 + $1 * 4096 }
      #expect(byteCount == expected)
      #expect(found.allSatisfy { $0.byteCount <= FillUnit.byteLimit })
    }
  }
}
