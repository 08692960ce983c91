internal import Kernel
internal import KernelABI
internal import Procfs

/// Large regions that clones come without: not without the region, but without its pages.
///
/// MADV_WIPEONFORK, for the moment in which a clone is made. Stopped-world safe, and only there: a
/// child that the program made meanwhile would lack the pages too.
struct WipedRegions: BitwiseCopyable {
  /// In address order; categories: a number that the caller gave the region.
  private var regions: Table<PageRun>

  init(in scratch: inout Arena, capacity: Int) throws(Errno) {
    regions = try Table(in: &scratch, capacity: capacity)
  }

  var count: Int { regions.count }

  mutating func append(_ range: AddressRange, number: Int) throws(Errno) {
    try regions.append(
      PageRun(start: range.start.rawValue, end: range.end.rawValue, categories: UInt64(number)))
  }

  func number(_ index: Int) -> Int { Int(regions[index].categories) }

  /// Whether the range is in one of the regions, or overlaps one.
  func covers(_ range: AddressRange) -> Bool {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) / 2
      if regions[middle].end <= range.start.rawValue { low = middle + 1 } else { high = middle }
    }
    return low < regions.count && regions[low].start < range.end.rawValue
  }

  /// Has clones come without the pages of the regions, until `bringBack`.
  ///
  /// What the program itself keeps from its children so must stay that way, and only smaps would
  /// tell: so a page of each is tried first, which parts from the rest unless it is no change.
  ///
  /// A region that can't be left out is cloned as it is.
  mutating func leaveOut(_ scratch: inout Arena) throws(Errno) {
    keep { (try? Mapping.advise(Self.firstPage(of: $0), Advice.wipeOnFork)) != nil }
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard let maps = try? RegionList.text(&scratch) else {
      keep { (try? Mapping.advise(Self.firstPage(of: $0), Advice.keepOnFork)) != nil }
      throw .outOfMemory
    }
    var cursor = TextCursor(maps.bytes)
    var region = SmapsEntry(from: &cursor)?.range
    keep {
      let page = Self.firstPage(of: $0)
      while let candidate = region, candidate.end <= page.start {
        region = SmapsEntry(from: &cursor)?.range
      }
      return region?.end == page.end
    }
    keep {
      if (try? Mapping.advise($0, Advice.wipeOnFork)) != nil { return true }
      _ = try? Mapping.advise($0, Advice.keepOnFork)
      return false
    }
  }

  /// Keeps those regions in the list for which `isWanted` holds.
  private mutating func keep(_ isWanted: (AddressRange) -> Bool) {
    let all = regions
    var count = 0
    for index in 0..<all.count where isWanted(all[index].range) {
      all[count] = all[index]
      count += 1
    }
    regions = all.covering(count)
  }

  private static func firstPage(of range: AddressRange) -> AddressRange {
    AddressRange(start: range.start, byteCount: pageByteCount) ?? .empty
  }

  /// Takes `leaveOut` back.
  func bringBack() {
    for index in 0..<regions.count {
      _ = try? Mapping.advise(regions[index].range, Advice.keepOnFork)
    }
  }
}
