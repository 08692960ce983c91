import CImage
import Kernel
import KernelABI
import Testing

@testable import Restart

@Suite struct FreeIdentifierTests {
  private func identifiers(besides threads: [Int32], count: Int) throws -> [Int32] {
    var arena = try Arena(mapping: 1 << 20)
    defer { try? Mapping.unmap(arena.range) }
    var table = try Table<ckpt_thread>(in: &arena, capacity: threads.count)
    for tid in threads {
      var thread = ckpt_thread()
      thread.tid = tid
      try table.append(thread)
    }
    var free = FreeIdentifier(Records(at: table.base, count: table.count))
    var found: [Int32] = []
    while found.count < count, let next = free.next() { found.append(next) }
    return found
  }

  @Test func beginBehindTheProgram() throws {
    let found = try identifiers(besides: [7, 300, 12], count: 3)
    #expect(found == [301, 302, 303])
  }

  @Test func beginAgainWhereNoneAreLeft() throws {
    let found = try identifiers(besides: [4_194_302, 300, 302], count: 4)
    #expect(found == [4_194_303, 301, 303, 304])
  }

  @Test func endSometime() throws {
    let found = try identifiers(besides: [1000], count: 100_000)
    #expect(found.count <= 1000)
    #expect(!found.contains(1000))
  }
}
