import KernelABI
import Testing

@testable import Restart

@Suite struct FreeSpaceTests {
  private func hole(
    _ byteCount: UInt64, alignment: UInt64 = 4096, _ taken: [AddressRange]
  ) -> AddressRange? {
    FreeSpace.hole(byteCount: byteCount, alignment: alignment, avoiding: taken.count) { taken[$0] }
  }

  private func range(_ start: UInt64, _ end: UInt64) throws -> AddressRange {
    try #require(AddressRange(start: start, end: end))
  }

  @Test func takesThePreferredPlaceInAnEmptySpace() throws {
    let found = try #require(hole(1 << 20, []))
    #expect(found.start >= FreeSpace.preferred)
    #expect(found.byteCount == 1 << 20)
  }

  @Test func goesBelowWhenEverythingAboveIsTaken() throws {
    let taken = [try range(FreeSpace.preferred.rawValue, FreeSpace.end.rawValue)]
    let found = try #require(hole(1 << 30, taken))
    #expect(found.end < FreeSpace.preferred)
    #expect(found.start > FreeSpace.lowest)
  }

  @Test func findsNothingInAFullSpace() throws {
    #expect(hole(4096, [try range(0, FreeSpace.end.rawValue)]) == nil)
    #expect(hole(.max, []) == nil)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func neverOverlapsAndKeepsItsDistance(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    var taken: [AddressRange] = []
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      let start = UInt64.random(in: 0..<0x2000_0000, using: &random) << 12
      let size = UInt64.random(in: 0..<0x40_0000, using: &random) << 12
      taken.append(
        try range(FreeSpace.preferred.rawValue + start, FreeSpace.preferred.rawValue + start + size)
      )
    }
    let size = UInt64.random(in: 1..<0x10_0000, using: &random) << 12
    let found = try #require(hole(size, alignment: 2 << 20, taken), "seed \(seed)")
    #expect(found.start.rawValue % (2 << 20) == 0)
    #expect(found.byteCount == size)
    let guarded = try range(
      found.start.rawValue - FreeSpace.margin, found.end.rawValue + FreeSpace.margin)
    for other in taken where !other.isEmpty {
      #expect(!guarded.overlaps(other), "seed \(seed)")
    }
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
