internal import CImage
internal import Kernel
internal import KernelABI

/// The memory that shows the image, and what the program has made of it since.
struct MappedMemory: BitwiseCopyable {
  let plan: MappedPlan
  private var taken: Table<AddressRange>
  private var dropped: Table<AddressRange>

  init(_ plan: MappedPlan) {
    self.plan = plan
    taken = plan.layout.mapped.taken
    dropped = plan.layout.mapped.dropped
  }

  private var regions: Table<MappedRegion> { plan.regions }
  private var image: LoadedImage { plan.work.image }

  /// Whether a part of a range may show the image.
  ///
  /// Also for the page by which the agent waits until nothing does.
  func isMapped(_ range: AddressRange) -> Bool {
    if plan.layout.whole.overlaps(range) { return true }
    for index in 0..<regions.count where regions[index].place.overlaps(range) { return true }
    return false
  }

  /// The program has unmapped a range, or put something else there.
  ///
  /// - Throws: `Errno.outOfMemory` when there are too many.
  mutating func take(_ range: AddressRange) throws(Errno) { try taken.append(range) }

  /// Makes a range what it is when the program has dropped it: empty, and not of the image.
  ///
  /// - Returns: whether there was room to note it; if not, the program has to wait.
  mutating func drop(_ range: AddressRange) throws(Errno) -> Bool {
    guard dropped.count + regions.count <= dropped.capacity else { return false }
    for number in 0..<regions.count {
      guard let common = regions[number].place.common(range) else { continue }
      let region = image.regions[regions[number].index]
      try dropped.append(common)
      try forEachPiece(of: common) { (piece) throws(Errno) in
        try Mapping.map(
          at: piece.start, byteCount: piece.byteCount, region.finalProtection,
          region.anonymousFlags | .fixed)
      }
    }
    return true
  }

  /// Whether the next few calls that take memory can be noted.
  var hasRoom: Bool { taken.count + 1024 < taken.capacity }

  /// Goes through what the program has left of a range, in address order.
  func forEachPiece<E: Error>(
    of range: AddressRange, _ body: (AddressRange) throws(E) -> Void
  ) throws(E) {
    var position = range.start
    while position < range.end {
      var end = range.end
      var isTaken = false
      for index in 0..<taken.count where taken[index].end > position {
        if taken[index].start <= position {
          (isTaken, end) = (true, taken[index].end)
          break
        }
        end = min(end, taken[index].start)
      }
      if !isTaken, let piece = AddressRange(start: position.rawValue, end: end.rawValue) {
        try body(piece)
      }
      position = end
    }
  }

  /// Goes through the pages of a range that are there, with what PAGEMAP_SCAN says of them.
  func forEachPresent<E: Error>(
    in range: AddressRange, _ body: (PageRun) throws(E) -> Void
  ) throws(MappedFailure<E>) {
    let found = plan.layout.mapped.found
    var rest: AddressRange? = range
    while let range = rest {
      let count: Int
      do throws(Errno) {
        (count, rest) = try PageScan.next(
          plan.pageMap, range, wanted: PageScan.present | PageScan.swapped,
          returned: PageScan.file | PageScan.zeroPage, into: found.base, capacity: found.capacity)
      } catch {
        throw .scan(error)
      }
      let runs = found.covering(count)
      for index in 0..<count {
        do throws(E) { try body(runs[index]) } catch { throw .body(error) }
      }
    }
  }

  // MARK: In the stop

  /// Replaces all that shows the image by memory like that which was saved, with all that the
  /// program has written since.
  ///
  /// - Precondition: every thread stands, and everything was read.
  func replaceAll() throws(Errno) {
    for index in 0..<regions.count { try complete(regions[index]) }
    for index in 0..<regions.count { try replace(regions[index]) }
  }

  /// Brings the spare memory up to date.
  private func complete(_ region: MappedRegion) throws(Errno) {
    for index in 0..<dropped.count {
      guard let part = region.place.common(dropped[index]) else { continue }
      try Mapping.advise(region.spare(for: part), Advice.dontNeed)
    }
    let record = image.regions[region.index]
    guard record.finalProtection.rawValue & Protection.write.rawValue != 0 else { return }
    try forEachPiece(of: region.place) { (piece) throws(Errno) in
      do throws(MappedFailure<Never>) {
        try forEachPresent(in: piece) { (run) throws(Never) in
          guard run.categories & (PageScan.file | PageScan.zeroPage) == 0 else { return }
          Memory.copy(
            from: run.range.start, to: region.spare(for: run.range).start,
            byteCount: run.range.byteCount)
        }
      } catch {
        if case .scan(let errno) = error { throw errno }
      }
    }
  }

  private func replace(_ region: MappedRegion) throws(Errno) {
    let record = image.regions[region.index]
    let all = region.spare(for: region.place)
    if record.finalProtection != .read | .write {
      try Mapping.protect(all, record.finalProtection)
    }
    try? RegionState.adviseAll(record, at: all)
    try forEachPiece(of: region.place) { (piece) throws(Errno) in
      try Self.move(region.spare(for: piece), to: piece.start)
    }
    try Mapping.unmap(all)
  }

  /// Moves a range, in parts where it is several mappings.
  private static func move(_ range: AddressRange, to place: Address) throws(Errno) {
    var rest = range
    var limit = range.byteCount
    while !rest.isEmpty {
      let part = AddressRange(start: rest.start, byteCount: min(limit, rest.byteCount)) ?? .empty
      do throws(Errno) {
        try Mapping.move(part, to: place + (part.start - range.start))
        rest = rest.dropping(part.byteCount)
        limit = range.byteCount
      } catch {
        guard error == .badAddress, part.byteCount > pageByteCount else { throw error }
        limit = roundedUpToPage(part.byteCount / 2)
      }
    }
  }
}

/// What went wrong on the way through pages: the kernel's answer, or what was done with them.
enum MappedFailure<E: Error>: Error {
  case scan(Errno)
  case body(E)
}

extension AddressRange {
  /// What two ranges have in common; `nil`: nothing.
  func common(_ other: AddressRange) -> AddressRange? {
    guard overlaps(other) else { return nil }
    return AddressRange(
      start: max(start, other.start).rawValue, end: min(end, other.end).rawValue)
  }
}
