import KernelABI
import Testing

@testable import Agent

/// The table is the process's own: one test at a time.
@Suite(.serialized) struct ExclusionsTests {
  init() { #expect(Exclusions.include(range(0, 1 << 46))) }

  private func range(_ start: UInt64, _ end: UInt64) -> AddressRange {
    AddressRange(start: start, end: end) ?? .empty
  }

  private var ranges: [AddressRange] { (0..<Exclusions.list.count).map { Exclusions.list[$0] } }

  @Test func neighboursBecomeOne() {
    #expect(Exclusions.exclude(range(0x5000, 0x7000)))
    #expect(Exclusions.exclude(range(0x1000, 0x2000)))
    #expect(Exclusions.exclude(range(0x2000, 0x3000)))
    #expect(ranges == [range(0x1000, 0x3000), range(0x5000, 0x7000)])
    #expect(Exclusions.exclude(range(0x2000, 0x6000)))
    #expect(ranges == [range(0x1000, 0x7000)])
  }

  @Test func aPartIsTakenOut() {
    #expect(Exclusions.exclude(range(0x1000, 0x9000)))
    #expect(Exclusions.include(range(0x3000, 0x4000)))
    #expect(ranges == [range(0x1000, 0x3000), range(0x4000, 0x9000)])
    #expect(Exclusions.include(range(0, 0x2000)))
    #expect(Exclusions.include(range(0x8000, 0xA000)))
    #expect(ranges == [range(0x2000, 0x3000), range(0x4000, 0x8000)])
  }

  @Test func partsOfARange() {
    #expect(Exclusions.exclude(range(0x3000, 0x5000)))
    var part = Exclusions.list.part(of: range(0x1000, 0x9000))
    #expect(part.end == Address(0x3000) && !part.isExcluded)
    part = Exclusions.list.part(of: range(0x3000, 0x9000))
    #expect(part.end == Address(0x5000) && part.isExcluded)
    part = Exclusions.list.part(of: range(0x5000, 0x9000))
    #expect(part.end == Address(0x9000) && !part.isExcluded)
    part = Exclusions.list.part(of: range(0x4000, 0x4800))
    #expect(part.end == Address(0x4800) && part.isExcluded)
  }

  @Test func againstASetOfPages() {
    var random: UInt64 = 88_172_645_463_325_252
    func next(_ bound: UInt64) -> UInt64 {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return random % bound
    }
    var pages = Set<UInt64>()
    for _ in 0..<3_000 {
      let start = next(200)
      let end = start + next(20)
      if next(2) == 0 {
        #expect(Exclusions.exclude(range(start << 12, end << 12)))
        pages.formUnion(start..<end)
      } else {
        #expect(Exclusions.include(range(start << 12, end << 12)))
        pages.subtract(start..<end)
      }
      let found = ranges.flatMap { $0.start.rawValue >> 12..<$0.end.rawValue >> 12 }
      #expect(found == pages.sorted())
    }
  }

  @Test func aFullTableStaysAsItWas() {
    for index in 0..<UInt64(Exclusions.capacity) {
      #expect(Exclusions.exclude(range(index << 13, index << 13 + 0x1000)))
    }
    #expect(!Exclusions.exclude(range(1 << 40, 1 << 40 + 0x1000)))
    #expect(ranges.count == Exclusions.capacity)
    #expect(Exclusions.exclude(range(0x1000, 0x2000)), "two become one")
    #expect(ranges.count == Exclusions.capacity - 1)
  }
}
