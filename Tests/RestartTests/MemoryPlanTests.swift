import CImage
import Kernel
import KernelABI
import Testing

@testable import Restart

@Suite struct MemoryPlanTests {
  private func check(_ start: UInt64, _ end: UInt64) throws {
    var arena = try Arena(mapping: 1 << 20)
    var regions = try Table<ckpt_region>(in: &arena, capacity: 2)
    var region = ckpt_region()
    region.start = start
    region.end = end
    try regions.append(region)
    region.start = 0x40_0000
    region.end = 0x50_0000
    try regions.append(region)
    let own = try #require(AddressRange(start: 0x1_0000 as UInt64, end: 0xb_d000))
    defer { try? Mapping.unmap(arena.range) }
    try MemoryPlan.check(Records(at: regions.base, count: regions.count), own: own)
  }

  @Test(
    arguments: [(0x1_0000, 0x2_0000), (0xb_c000, 0x20_0000), (0, 0x10_0000)] as [(UInt64, UInt64)])
  func refusesARegionWhereRestartIs(start: UInt64, end: UInt64) {
    #expect(throws: RestartFailure.self) { try check(start, end) }
  }

  @Test func acceptsItsNeighbours() throws {
    try check(0, 0x1_0000)
    try check(0xb_d000, 0x20_0000)
  }
}
