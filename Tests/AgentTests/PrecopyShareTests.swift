import Kernel
import KernelABI
import Testing

@testable import Agent

@Suite struct PrecopyShareTests {
  private func share() throws -> PrecopyShare {
    let share = try PrecopyShare.map(pageCount: 32)
    share.dataStart = 1 << 20
    for region in [(0x10000, 0x20000, 0), (0x20000, 0x28000, 16), (0x40000, 0x48000, 24)]
      as [(UInt64, UInt64, UInt64)]
    {
      #expect(
        share.append(
          PrecopyShare.Region(start: region.0, end: region.1, firstPage: region.2)))
    }
    return share
  }

  @Test func pagesAreCountedThroughRegions() throws {
    let share = try share()
    #expect(share.page(at: Address(0x10000)) == 0)
    #expect(share.page(at: Address(0x1F000)) == 15)
    #expect(share.page(at: Address(0x20000)) == 16)
    #expect(share.page(at: Address(0x47000)) == 31)
    #expect(share.page(at: Address(0x28000)) == nil)
    #expect(share.page(at: Address(0xF000)) == nil)
    try Mapping.unmap(share.range)
  }

  @Test(
    arguments: [
      (0x10000, 0x28000, true), (0x12000, 0x21000, true), (0x20000, 0x29000, false),
      (0x28000, 0x40000, false), (0x40000, 0x48000, true), (0xF000, 0x11000, false),
    ] as [(UInt64, UInt64, Bool)])
  func aRangeIsCoveredByRegionsSideBySide(start: UInt64, end: UInt64, isCovered: Bool) throws {
    let share = try share()
    #expect(share.covers(try #require(AddressRange(start: start, end: end))) == isCovered)
    try Mapping.unmap(share.range)
  }

  @Test func aPageKeepsItsPlace() throws {
    let share = try share()
    #expect(share.holder(of: 5) == nil)
    share.setZero(5)
    #expect(share.place(of: 5) == nil)
    #expect(share.setHeld(5) == 0)
    #expect(share.setHeld(9) == 1)
    #expect(share.setHeld(5) == 0)
    share.setZero(5)
    #expect(share.holder(of: 5) == nil)
    #expect(share.place(of: 5) == 0)
    #expect(share.setHeld(5) == 0)
    #expect(share.holder(of: 5) == 0)
    #expect(share.filePageCount == 2)
    #expect(share.dataEnd == 1 << 20 + 8192)
    #expect(share.filePage(at: share.offset(of: 1)) == 1)
    try Mapping.unmap(share.range)
  }
}
