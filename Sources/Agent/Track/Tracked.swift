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

  /// Categories of a run: pages that must not be touched (MADV_GUARD_INSTALL).
  static let guarded: UInt64 = 2

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

  /// The watched range that all of `range` lies in.
  func watched(around range: AddressRange) -> Watched? {
    var low = 0
    var high = watched.count
    while low < high {
      let middle = (low + high) / 2
      if watched[middle].end <= range.start.rawValue { low = middle + 1 } else { high = middle }
    }
    guard low < watched.count, watched[low].range.contains(range) else { return nil }
    return watched[low]
  }
}
