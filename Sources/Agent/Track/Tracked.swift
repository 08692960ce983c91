internal import Kernel
internal import KernelABI

/// What happened to memory that was protected since the last image.
///
/// Two tables in scratch memory, in address order: ranges that were watched, and for each the parts
/// of it that are not what they were.
struct Tracked: BitwiseCopyable {
  /// Memory that was watched all the time.
  struct Watched: BitwiseCopyable {
    var start: UInt64
    var end: UInt64
    var firstRun: Int
    var runCount: Int

    var range: AddressRange { AddressRange(start: start, end: end) ?? .empty }
  }

  /// Categories of a run: pages that were written and may hold anything.
  static let data: UInt64 = 1

  /// Categories of a run: pages that hold nothing, whatever they held before.
  static let absent: UInt64 = 0

  private(set) var watched: Table<Watched>
  private(set) var runs: Table<PageRun>

  /// Bytes in runs of data.
  private(set) var writtenByteCount: UInt64 = 0

  /// More regions than this are not watched.
  static let regionCapacity = 1 << 16

  /// - Throws: `outOfMemory`.
  init(in scratch: inout Arena) throws(Errno) {
    watched = try Table(in: &scratch, capacity: Self.regionCapacity)
    runs = try Table(in: &scratch, scratch.free / 4)
  }

  /// Whether another region can be watched.
  var hasRoom: Bool { watched.count < watched.capacity }

  /// Begins a range; its runs come next, then `end`.
  mutating func begin() -> Int { runs.count }

  mutating func append(_ start: UInt64, _ end: UInt64, _ categories: UInt64) throws(Errno) {
    guard start < end else { return }
    if categories == Self.data { writtenByteCount += end - start }
    try runs.append(PageRun(start: start, end: end, categories: categories))
  }

  mutating func end(_ range: AddressRange, from first: Int) throws(Errno) {
    try watched.append(
      Watched(
        start: range.start.rawValue, end: range.end.rawValue, firstRun: first,
        runCount: runs.count - first))
  }

  /// Forgets the runs since `begin`: the range was not watched after all.
  mutating func abandon(from first: Int) {
    for index in first..<runs.count where runs[index].categories == Self.data {
      writtenByteCount -= runs[index].end - runs[index].start
    }
    runs = runs.covering(first)
  }

  /// The first watched range that ends behind an address.
  func firstWatched(behind address: Address) -> Int {
    var low = 0
    var high = watched.count
    while low < high {
      let middle = (low + high) / 2
      if watched[middle].end <= address.rawValue { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// What changed in a range, `nil` when not all of it was watched.
  ///
  /// Regions that were watched one by one may have become one.
  func changes(in range: AddressRange) -> Changes? {
    let first = firstWatched(behind: range.start)
    var index = first
    var position = range.start.rawValue
    while position < range.end.rawValue {
      guard index < watched.count, watched[index].start <= position else { return nil }
      position = watched[index].end
      index += 1
    }
    guard first < watched.count else { return nil }
    return Changes(runs: runs, next: watched[first].firstRun)
  }

  /// Goes through a watched range, from front to back.
  struct Changes: BitwiseCopyable {
    fileprivate let runs: Table<PageRun>
    fileprivate var next: Int

    struct Part {
      var range: AddressRange
      var isChanged: Bool
    }

    /// The longest part from `start` on, at most to `end`, that changed as a whole or not at all.
    ///
    /// - Precondition: `start` lies below `end`, and not below the last one.
    mutating func next(from start: Address, to end: Address) -> Part {
      while next < runs.count, runs[next].end <= start.rawValue { next += 1 }
      guard next < runs.count, runs[next].start < end.rawValue else {
        return Part(range: Self.range(start, end), isChanged: false)
      }
      let run = runs[next]
      if run.start > start.rawValue {
        return Part(range: Self.range(start, Address(run.start)), isChanged: false)
      }
      return Part(range: Self.range(start, min(end, Address(run.end))), isChanged: true)
    }

    private static func range(_ start: Address, _ end: Address) -> AddressRange {
      AddressRange(start: start.rawValue, end: end.rawValue) ?? .empty
    }
  }
}
