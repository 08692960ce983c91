import Kernel
import KernelABI
import Testing

@testable import Agent

@Suite struct TrackedTests {
  private func range(_ start: UInt64, _ end: UInt64) throws -> AddressRange {
    try #require(AddressRange(start: start, end: end))
  }

  /// Two watched regions side by side and one apart, some of it written.
  private func tracked(_ arena: inout Arena) throws -> Tracked {
    var tracked = try Tracked(in: &arena)
    var first = tracked.begin()
    try tracked.append(0x3000, 0x5000, Tracked.data)
    try tracked.end(try range(0x1000, 0x8000), from: first)
    first = tracked.begin()
    try tracked.append(0x8000, 0x9000, Tracked.absent)
    try tracked.append(0x9000, 0xA000, Tracked.data)
    try tracked.end(try range(0x8000, 0xC000), from: first)
    first = tracked.begin()
    try tracked.end(try range(0x20000, 0x30000), from: first)
    return tracked
  }

  private func parts(_ tracked: Tracked, _ start: UInt64, _ end: UInt64) throws -> [String] {
    let all = try range(start, end)
    var changes = try #require(tracked.changes(in: all))
    var parts: [String] = []
    var position = all.start
    while position < all.end {
      let part = changes.next(from: position, to: all.end)
      #expect(part.range.start == position && !part.range.isEmpty)
      let number = String(part.range.byteCount / 0x1000)
      parts.append((part.isChanged ? "changed " : "same ") + number)
      position = part.range.end
    }
    return parts
  }

  @Test func partsFollowTheRuns() throws {
    var arena = try Arena(mapping: 16 << 20)
    let tracked = try tracked(&arena)
    #expect(try parts(tracked, 0x1000, 0x8000) == ["same 2", "changed 2", "same 3"])
    #expect(try parts(tracked, 0x4000, 0x6000) == ["changed 1", "same 1"])
    #expect(try parts(tracked, 0x20000, 0x30000) == ["same 16"])
    #expect(tracked.writtenByteCount == 0x3000)
    try Mapping.unmap(arena.range)
  }

  @Test func regionsThatBecameOneAreOne() throws {
    var arena = try Arena(mapping: 16 << 20)
    let tracked = try tracked(&arena)
    #expect(
      try parts(tracked, 0x1000, 0xC000) == [
        "same 2", "changed 2", "same 3", "changed 1", "changed 1", "same 2",
      ])
    try Mapping.unmap(arena.range)
  }

  @Test func whatWasNotWatchedIsNotKnown() throws {
    var arena = try Arena(mapping: 16 << 20)
    let tracked = try tracked(&arena)
    for (start, end) in [(0, 0x2000), (0xB000, 0xD000), (0xC000, 0x20000), (0x2F000, 0x31000)] {
      let range = try range(UInt64(start), UInt64(end))
      #expect(tracked.changes(in: range) == nil)
    }
    try Mapping.unmap(arena.range)
  }

  @Test func anAbandonedRangeLeavesNothing() throws {
    var arena = try Arena(mapping: 16 << 20)
    var tracked = try tracked(&arena)
    let count = tracked.runs.count
    let first = tracked.begin()
    try tracked.append(0x40000, 0x50000, Tracked.data)
    tracked.abandon(from: first)
    #expect(tracked.runs.count == count)
    #expect(tracked.writtenByteCount == 0x3000)
    try Mapping.unmap(arena.range)
  }
}
