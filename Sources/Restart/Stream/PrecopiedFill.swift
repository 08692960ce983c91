internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Brings memory that came ahead to its place in the program.
struct PrecopiedFill {
  let work: RestoreArena
  let precopied: PrecopiedMemory

  /// By piece, the digests of what was read.
  let digests: Address

  /// Notes the digests of all that came ahead, as if it had just been read.
  ///
  /// - Throws: when the image wants what did not come.
  func noteDigests() throws(RestartFailure) {
    for index in 0..<work.image.spans.count {
      let span = work.image.spans[index]
      guard precopied.has(span) else { continue }
      guard work.image.regions[Int(span.region)].kind == CKPT_REGION_ANONYMOUS, !span.isClean
      else { throw PrecopiedMemory.damage }
      for page in 0..<span.byteCount / pageByteCount {
        let offset = page * pageByteCount
        Memory.store(
          try precopied.digest(of: span.address + offset, at: span.fileOffset + offset),
          at: digests + (span.piece + page) * 8)
      }
    }
  }

  /// Moves it where that is possible, and copies it where not; then there is none left.
  ///
  /// - Precondition: the program's own regions are mapped, and empty.
  func run() throws(RestartFailure) {
    for index in 0..<work.image.regions.count {
      let spans = work.image.spans(of: index)
      guard isAhead(any: spans) else { continue }
      let region = work.image.regions[index]
      let moved = area(for: region)
      if let moved { try move(region, spans, from: moved) }
      for number in spans where precopied.has(work.image.spans[number]) {
        try copy(work.image.spans[number], exceptFrom: moved)
      }
    }
    try? Mapping.unmap(precopied.hull)
  }

  private func isAhead(any spans: Range<Int>) -> Bool {
    for number in spans where precopied.has(work.image.spans[number]) { return true }
    return false
  }

  /// The area that all of a region can be moved from, `nil`: none.
  ///
  /// A region stays one mapping: the program may move it as one (mremap(2)).
  private func area(for region: ckpt_region) -> PrecopiedArea? {
    guard !region.has(CKPT_REGION_HUGE_TLB | CKPT_REGION_GROWS_DOWN) else { return nil }
    var best: PrecopiedArea?
    var most: UInt64 = 0
    for index in 0..<precopied.areas.count {
      let area = precopied.areas[index]
      guard area.range.overlaps(region.range), area.room.start <= region.range.start,
        region.range.end <= area.room.end
      else { continue }
      let common =
        min(area.range.end, region.range.end) - max(area.range.start, region.range.start)
      if common > most { (best, most) = (area, common) }
    }
    return best
  }

  private func move(
    _ region: ckpt_region, _ spans: Range<Int>, from area: PrecopiedArea
  ) throws(RestartFailure) {
    let place = area.place(of: region.range.start, from: precopied.hull.start)
    try during(
      "cannot bring data to its place in region", number: region.start,
      numberStyle: .hexadecimal
    ) { () throws(Errno) in
      try Mapping.move(
        AddressRange(start: place, byteCount: region.range.byteCount) ?? .empty,
        to: region.range.start)
      try clear(region, spans)
    }
  }

  /// Empties what holds something else by now, or nothing.
  private func clear(_ region: ckpt_region, _ spans: Range<Int>) throws(Errno) {
    var position = region.range.start
    for number in spans {
      let span = work.image.spans[number]
      guard precopied.has(span) else { continue }
      try empty(from: position, to: span.address)
      position = span.end
    }
    try empty(from: position, to: region.range.end)
  }

  private func empty(from start: Address, to end: Address) throws(Errno) {
    guard start < end, let range = AddressRange(start: start.rawValue, end: end.rawValue) else {
      return
    }
    // A hole would make small pages of a huge one.
    if range.byteCount < Self.smallestHole { return Memory.zero(range) }
    try Mapping.advise(range, Advice.dontNeed)
  }

  private static let smallestHole: UInt64 = 64 << 10

  /// Copies those pages of a span that were not moved.
  private func copy(_ span: Span, exceptFrom moved: PrecopiedArea?) throws(RestartFailure) {
    var position = span.address
    while position < span.end {
      guard let area = precopied.areas.area(at: position) else { throw PrecopiedMemory.damage }
      let end = min(area.range.end, span.end)
      if area.offset != moved?.offset {
        Memory.copy(
          from: area.place(of: position, from: precopied.hull.start), to: position,
          byteCount: end - position)
      }
      position = end
    }
  }
}
