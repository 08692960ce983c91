internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Copies of what was written to large regions, made so that a clone needs nothing else of them.
///
/// To make a clone takes 18 to 19 ms per GiB, for its page tables. Where little was written it is
/// faster to copy that, and to let the clone have the regions without their pages (`WipedRegions`).
///
/// Stopped-world safe.
struct Staging: BitwiseCopyable {
  /// A written run and where its copy lies.
  struct Piece: BitwiseCopyable {
    var start: UInt64
    var end: UInt64
    var place: UInt64
  }

  /// Regions that are left out of the clone, in address order.
  private(set) var wiped: WipedRegions

  private(set) var pieces: Table<Piece>

  /// Bytes of memory that the program has.
  private let resident: UInt64

  /// Smaller regions are cloned as they are.
  private static let smallest: UInt64 = 4 << 20

  /// Nanoseconds for a page table entry in a clone, for a page that is copied, and for a region.
  private static let entryCost: UInt64 = 18
  private static let pageCost: UInt64 = 900
  private static let regionCost: UInt64 = 4_000

  /// Pages that are copied at most, whatever a clone would cost: what they take is memory too.
  private static let pageLimit: UInt64 = 1 << 16

  /// Copies what was written, if that is faster than a clone of everything.
  ///
  /// - Returns: `nil` when it is not, or when there is no room.
  static func make(_ draft: inout ImageDraft) -> Staging? {
    guard let tracked = draft.tracked else { return nil }
    let mark = draft.scratch.next
    guard var staging = try? Staging(tracked, draft, &draft.scratch), staging.wiped.count > 0,
      let isCopied = try? staging.copy(&draft)
    else {
      draft.scratch.rewind(to: mark)
      return nil
    }
    if isCopied {
      if (try? staging.wiped.leaveOut(&draft.scratch)) != nil, staging.wiped.count > 0 {
        return staging
      }
    } else {
      // There are guard pages since the last image: they must not be watched any longer.
      TrackDescriptor.close()
    }
    draft.scratch.rewind(to: mark)
    return nil
  }

  private init(
    _ tracked: Tracked, _ draft: ImageDraft, _ scratch: inout Arena
  ) throws(Errno) {
    var wiped = try WipedRegions(in: &scratch, capacity: tracked.watched.count)
    var pieceCount = 0
    var written: UInt64 = 0
    var total: UInt64 = 0
    for index in 0..<tracked.watched.count {
      let watched = tracked.watched[index]
      guard watched.range.byteCount >= Self.smallest, !Self.isInUse(watched.range, draft) else {
        continue
      }
      try wiped.append(watched.range, number: index)
      total += watched.range.byteCount / pageByteCount
      pieceCount += watched.runCount
      for run in watched.firstRun..<watched.firstRun + watched.runCount
      where tracked.runs[run].categories == Tracked.data {
        written += (tracked.runs[run].end - tracked.runs[run].start) / pageByteCount
      }
    }
    let resident = try StatusText.number("RssAnon", &scratch) ?? 0
    let clone = Self.cloneCost(pages: min(total, resident / 4))
    guard written <= Self.pageLimit,
      written * Self.pageCost + UInt64(wiped.count) * Self.regionCost < clone
    else { throw .outOfRange }
    self.wiped = wiped
    self.resident = resident << 10
    pieces = try Table(in: &scratch, capacity: pieceCount)
    for index in 0..<wiped.count {
      let watched = tracked.watched[wiped.number(index)]
      for run in watched.firstRun..<watched.firstRun + watched.runCount
      where tracked.runs[run].categories == Tracked.data {
        try pieces.append(
          Piece(start: tracked.runs[run].start, end: tracked.runs[run].end, place: 0))
      }
    }
  }

  /// What a clone of so many pages is expected to take; what the last one took is no less.
  private static func cloneCost(pages: UInt64) -> UInt64 {
    let expected = pages * entryCost
    let measured = Agent.state.lineage.cloneDuration
    return measured > 0 ? min(expected, measured) : expected
  }

  /// Whether the clone itself needs the memory: a thread's signal frame is in it.
  private static func isInUse(_ range: AddressRange, _ draft: ImageDraft) -> Bool {
    for index in 0..<draft.threads.count
    where range.contains(Address(draft.threads[index].frame)) {
      return true
    }
    return false
  }

  // MARK: Copying

  /// - Returns: false when something can't be read.
  private mutating func copy(_ draft: inout ImageDraft) throws(Errno) -> Bool {
    var byteCount: UInt64 = 0
    for index in 0..<pieces.count { byteCount += pieces[index].end - pieces[index].start }
    if draft.isTracked { draft.room = CopyBuffer.take(byteCount, resident: resident) }
    var next = draft.room.start
    if draft.room.byteCount < byteCount { next = try Self.room(byteCount, &draft.scratch) }
    for index in 0..<pieces.count {
      pieces.update(index) { $0.place = next.rawValue }
      next = next + (pieces[index].end - pieces[index].start)
    }
    return try GuardedCopy.run(pieces, &draft.scratch)
  }

  /// Room that ends with the checkpoint.
  private static func room(_ byteCount: UInt64, _ scratch: inout Arena) throws(Errno) -> Address {
    let huge: UInt64 = 2 << 20
    let room = try scratch.reserve(byteCount + huge, alignment: pageByteCount)
    let start = Address((room.rawValue + huge - 1) & ~(huge - 1))
    if let pages = AddressRange(start: start, byteCount: (byteCount + huge - 1) & ~(huge - 1)),
      scratch.range.contains(pages)
    {
      _ = try? Mapping.advise(pages, Advice.hugePage)
    }
    return start
  }

  // MARK: Looking up

  /// Where the copy of a range lies that lies in one or more pieces, `nil`: it was not copied.
  func place(of range: AddressRange) -> Address? {
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].end <= range.start.rawValue { low = middle + 1 } else { high = middle }
    }
    guard low < pieces.count, pieces[low].start <= range.start.rawValue else { return nil }
    return Address(pieces[low].place) + (range.start.rawValue - pieces[low].start)
  }
}
