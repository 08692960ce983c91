internal import Kernel
internal import KernelABI

/// A part of the program's memory that one worker reads at a time.
struct FillUnit: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// A few small spans, one after another.
    case spans
    /// A part of a span, read to its place.
    case direct
    /// A part of a span, read into a huge page that is then moved to its place.
    case moved
  }

  var kind: Kind

  /// The first span, and how many.
  var span: UInt32
  var spanCount: UInt32

  /// Where in the first span it begins.
  var offset: UInt64
  var byteCount: UInt64

  /// Bytes that a unit has at most.
  static let byteLimit: UInt64 = 2 << 20

  /// Spans that a unit has at most.
  static let spanLimit: UInt32 = 256

  /// No more units than this come out of so many spans.
  static func capacity(for spans: Table<Span>) -> UInt64 {
    var count: UInt64 = 16
    for index in 0..<spans.count { count += 3 + spans[index].byteCount / byteLimit }
    return count
  }
}

/// Cuts spans into units.
///
/// Pure but for where it writes to.
struct FillPlan {
  private(set) var units: Table<FillUnit>
  private(set) var byteCount: UInt64 = 0
  private var group: FillUnit?

  init(_ units: Table<FillUnit>) { self.units = units }

  /// Adds a span.
  ///
  /// - Parameter movable: the part of it that is brought by moving huge pages.
  mutating func add(
    _ index: Int, _ span: Span, movable: AddressRange? = nil
  ) throws(Errno) {
    byteCount += span.byteCount
    if let movable {
      try endGroup()
      try cut(index, .direct, from: 0, to: movable.start - span.address)
      try cut(index, .moved, from: movable.start - span.address, to: movable.end - span.address)
      try cut(index, .direct, from: movable.end - span.address, to: span.byteCount)
    } else if span.byteCount > FillUnit.byteLimit / 2 {
      try endGroup()
      try cut(index, .direct, from: 0, to: span.byteCount)
    } else {
      try addSmall(index, span)
    }
  }

  private mutating func cut(
    _ index: Int, _ kind: FillUnit.Kind, from start: UInt64, to end: UInt64
  ) throws(Errno) {
    var offset = start
    while offset < end {
      let count = min(end - offset, FillUnit.byteLimit)
      try units.append(
        FillUnit(
          kind: kind, span: UInt32(index), spanCount: 1, offset: offset, byteCount: count))
      offset += count
    }
  }

  private mutating func addSmall(_ index: Int, _ span: Span) throws(Errno) {
    if var unit = group, unit.byteCount + span.byteCount <= FillUnit.byteLimit,
      unit.spanCount < FillUnit.spanLimit, Int(unit.span + unit.spanCount) == index
    {
      unit.spanCount += 1
      unit.byteCount += span.byteCount
      group = unit
      return
    }
    try endGroup()
    group = FillUnit(
      kind: .spans, span: UInt32(index), spanCount: 1, offset: 0, byteCount: span.byteCount)
  }

  /// Plans the reading of those spans of an image that are wanted.
  ///
  /// Regions that are brought by moving huge pages are taken apart: `finish` puts them together.
  init(
    _ work: RestoreArena, _ hugePages: HugePages, where isWanted: (Span) -> Bool
  ) throws(Errno) {
    self.init(work.units)
    for index in 0..<work.image.spans.count {
      let span = work.image.spans[index]
      guard isWanted(span) else { continue }
      var movable = hugePages.movable(span, in: work.image.regions[Int(span.region)])
      if let range = movable, !hugePages.prepare(range) { movable = nil }
      try add(index, span, movable: movable)
    }
    try endGroup()
  }

  /// To be called when all is read.
  func finish(_ work: RestoreArena, _ hugePages: HugePages) {
    var index = 0
    while index < units.count {
      let unit = units[index]
      index += 1
      guard unit.kind == .moved, let range = work.image.spans[Int(unit.span)].wholeHugePages
      else { continue }
      hugePages.finish(range)
      while index < units.count, units[index].span == unit.span { index += 1 }
    }
    hugePages.close()
  }

  /// To be called when all spans are added.
  mutating func endGroup() throws(Errno) {
    if let group { try units.append(group) }
    group = nil
  }
}
