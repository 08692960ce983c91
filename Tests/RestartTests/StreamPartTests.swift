import Kernel
import KernelABI
import Testing

@testable import Restart

@Suite struct StreamPartTests {
  private func table(_ offsets: [UInt64]) throws -> Table<StreamPart> {
    var arena = try Arena(mapping: 1 << 20)
    var table = try Table<StreamPart>(in: &arena, capacity: offsets.count)
    for (index, offset) in offsets.enumerated() {
      try table.append(StreamPart(fileOffset: offset, index: UInt32(index), isExtent: false))
    }
    return table
  }

  @Test(arguments: [0, 1, 2, 3, 100, 1000])
  func partsComeInTheOrderOfTheStream(count: Int) throws {
    var state = UInt64(count) &* 77 &+ 5
    let offsets = (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1
      return state >> 50
    }
    let parts = try table(offsets)
    StreamPart.sort(parts)
    let sorted = (0..<parts.count).map { parts[$0] }
    #expect(sorted.map(\.fileOffset) == offsets.sorted())
    #expect(Set(sorted.map(\.index)).count == count)
    #expect(sorted.allSatisfy { offsets[Int($0.index)] == $0.fileOffset })
  }

  @Test func packingsAreKnownByTheirFirstBytes() {
    #expect(Packing(0x184D_2204) == .lz4)
    #expect(Packing(0xFFFF_FFFF_FD2F_B528) == .zstd)
    #expect(Packing(0x0008_8B1F) == .gzip)
    #expect(Packing(0x4C41_4553_5450_4B43) == .encrypted)
    #expect(Packing(0x0001_0102_464C_457F) == nil)
  }
}
