import Kernel
import KernelABI
import Testing

@testable import Agent

/// On the test process itself: memory of its own is watched, written to in every way, and scanned.
@Suite(.serialized, .enabled(if: WatchedMemory.isPossible)) struct TrackScanTests {
  @Test func nothingIsWrittenToAtFirst() throws {
    var memory = try WatchedMemory(pages: 64)
    let found = try memory.scan()
    #expect(found == [])
    memory.end()
  }

  @Test func aWriteIsFoundOnceAndToThePage() throws {
    var memory = try WatchedMemory(pages: 64)
    memory.write(page: 3)
    memory.write(page: 4)
    memory.write(page: 63)
    let found = try memory.scan()
    #expect(found == [.init(3..<5, Tracked.data), .init(63..<64, Tracked.data)])
    let again = try memory.scan()
    #expect(again == [])
    memory.end()
  }

  @Test func theKernelWritesToo() throws {
    var memory = try WatchedMemory(pages: 64)
    let file = try FileDescriptor("/proc/self/stat", .readOnly)
    _ = try file.read(to: memory.address(of: 9), byteCount: 64)
    let found = try memory.scan()
    #expect(found == [.init(9..<10, Tracked.data)])
    memory.end()
  }

  @Test func droppedPagesAreNotTakenForUnchanged() throws {
    var memory = try WatchedMemory(pages: 2048)
    try Mapping.advise(memory.part(8..<10), Advice.dontNeed)
    // As large as a hole: it is looked at closely.
    try Mapping.advise(memory.part(512..<1536), Advice.dontNeed)
    memory.write(page: 700)
    let found = try memory.scan()
    #expect(
      found == [
        .init(8..<10, Tracked.data), .init(512..<700, Tracked.absent),
        .init(700..<701, Tracked.data), .init(701..<1536, Tracked.absent),
      ])
    memory.end()
  }

  @Test func memoryThatWasNeverTouchedGetsNoPageTables() throws {
    var memory = try WatchedMemory(pages: 1 << 18, filled: 0..<16)
    let before = try pageTableKilobytes()
    memory.write(page: 100_000)
    let listed = try memory.scan()
    let found = try #require(listed)
    #expect(found.filter { $0.categories == Tracked.data } == [.init(100_000..<100_001, 1)])
    #expect(try pageTableKilobytes() < before + 256)
    memory.end()
  }

  @Test func aNewMappingInPlaceOfAWatchedOneIsNotWatched() throws {
    var memory = try WatchedMemory(pages: 64)
    try Mapping.map(
      at: memory.range.start, byteCount: memory.range.byteCount, .read | .write,
      .private | .anonymous | .fixed)
    let lost = try memory.scan()
    #expect(lost == nil)
    for page in 0..<64 { memory.write(page: page) }
    let isWatched = memory.watch()
    #expect(isWatched)
    memory.write(page: 1)
    let found = try memory.scan()
    #expect(found == [.init(1..<2, Tracked.data)])
    memory.end()
  }

  @Test func movedMemoryIsNotWatched() throws {
    var memory = try WatchedMemory(pages: 64)
    let other = try Mapping.map(
      byteCount: memory.range.byteCount, .read | .write, .private | .anonymous)
    try Mapping.move(memory.range, to: other)
    memory.range = try #require(AddressRange(start: other, byteCount: memory.range.byteCount))
    let found = try memory.scan()
    #expect(found == nil)
    memory.end()
  }

  @Test func otherProtectionChangesNothing() throws {
    var memory = try WatchedMemory(pages: 64)
    try Mapping.protect(memory.range, .read)
    try Mapping.protect(memory.range, .read | .write)
    let unchanged = try memory.scan()
    #expect(unchanged == [])
    memory.write(page: 5)
    try Mapping.protect(memory.range, .none)
    let found = try memory.scan()
    #expect(found == [.init(5..<6, Tracked.data)])
    memory.end()
  }

  @Test func hugePagesAreSplit() throws {
    var memory = try WatchedMemory(pages: 4096, advice: Advice.hugePage)
    memory.write(page: 1000)
    let listed = try memory.scan()
    let found = try #require(listed)
    // Where the kernel had no huge page to give, it is the same.
    #expect(found == [.init(1000..<1001, Tracked.data)])
    memory.end()
  }

  @Test func theDescriptorIsRecognisedAndItsLossNoticed() throws {
    let number = try TrackDescriptor.open()
    #expect(number > 500)
    #expect(TrackDescriptor.current == number)
    let other = try FileDescriptor("/dev/null", .readOnly)
    try Descriptors.duplicate(other.number, to: number, closeOnExec: true)
    #expect(TrackDescriptor.current == nil)
    #expect(TrackDescriptor.hidden == -1)
    TrackDescriptor.close()
    // It isn't ours any more: it must still be open.
    #expect((try? Descriptors.flags(number)) != nil)
    closeDescriptor(number)
  }

  @Test func aClosedDescriptorLeavesNothingWatched() throws {
    var memory = try WatchedMemory(pages: 64)
    closeDescriptor(memory.descriptor)
    #expect(TrackDescriptor.current == nil)
    let found = try memory.scan()
    #expect(found == nil)
    memory.end()
  }

  @Test func aForkedChildHasNone() throws {
    let number = try TrackDescriptor.open()
    Agent.state.tracker.process += 1
    #expect(TrackDescriptor.current == nil)
    #expect(TrackDescriptor.hidden == number)
    TrackDescriptor.dropInherited()
    #expect((try? Descriptors.flags(number)) == nil)
  }

  private func pageTableKilobytes() throws -> UInt64 {
    let file = try FileDescriptor("/proc/self/status", .readOnly)
    var text = [UInt8](repeating: 0, count: 8192)
    let count = try unsafe text.withUnsafeMutableBytes { (buffer) throws(Errno) in
      try file.readToEnd(
        to: Address(UInt64(UInt(bitPattern: buffer.baseAddress))), capacity: 8192)
    }
    let lines = String(decoding: text[..<Int(count)], as: UTF8.self).split(separator: "\n")
    let line = try #require(lines.first { $0.hasPrefix("VmPTE:") })
    return try #require(UInt64(line.filter(\.isNumber)))
  }
}

/// Memory of the test process under the agent's write tracking.
struct WatchedMemory {
  struct Run: Equatable {
    var pages: Range<Int>
    var categories: UInt64
    init(_ pages: Range<Int>, _ categories: UInt64) {
      self.pages = pages
      self.categories = categories
    }
  }

  var range: AddressRange
  let descriptor: Int32
  private var arena: Arena

  /// Whether the kernel can do it for this user.
  static var isPossible: Bool { (try? Userfaultfd.open()) != nil }

  init(pages: Int, filled: Range<Int>? = nil, advice: Int? = nil) throws {
    let byteCount = UInt64(pages) * pageByteCount
    let start = try Mapping.map(
      byteCount: byteCount + 2 << 20, .read | .write, .private | .anonymous | .noReserve)
    let aligned = Address((start.rawValue + 2 << 20 - 1) & ~(2 << 20 - 1))
    range = try #require(AddressRange(start: aligned, byteCount: byteCount))
    arena = try Arena(mapping: 64 << 20)
    descriptor = try TrackDescriptor.open()
    if let advice { try Mapping.advise(range, advice) }
    for page in filled ?? 0..<pages { write(page: page) }
    let isWatched = watch(isFirst: true)
    #expect(isWatched)
  }

  func address(of page: Int) -> Address { range.start + UInt64(page) * pageByteCount }

  func part(_ pages: Range<Int>) throws -> AddressRange {
    try #require(
      AddressRange(
        start: address(of: pages.lowerBound), byteCount: UInt64(pages.count) * pageByteCount))
  }

  func write(page: Int) { Memory.store(UInt8(truncatingIfNeeded: page | 1), at: address(of: page)) }

  mutating func watch(isFirst: Bool = false) -> Bool {
    var arena = arena
    guard var scan = try? TrackScan(descriptor, &arena) else { return false }
    return scan.watch(range, isFirst: isFirst)
  }

  /// What happened since the last scan; `nil`: it was not watched all the time.
  mutating func scan() throws -> [Run]? {
    var arena = arena
    var tracked = try Tracked(in: &arena)
    var scan = try TrackScan(descriptor, &arena)
    guard try scan.collect(range, into: &tracked) else {
      #expect(tracked.watched.count == 0 && tracked.runs.count == 0)
      return nil
    }
    let watched = tracked.watched[0]
    return (watched.firstRun..<watched.firstRun + watched.runCount).map { index in
      let run = tracked.runs[index]
      let first = Int((run.start - range.start.rawValue) / pageByteCount)
      let end = Int((run.end - range.start.rawValue) / pageByteCount)
      return Run(first..<end, run.categories)
    }
  }

  func end() {
    TrackDescriptor.close()
    try? Mapping.unmap(range)
    try? Mapping.unmap(arena.range)
  }
}
