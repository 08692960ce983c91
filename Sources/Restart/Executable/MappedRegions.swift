internal import CImage
internal import Kernel
internal import KernelABI

/// Private mappings of files, straight from a snapshot executable's own file.
///
/// All that run it share those pages in the page cache until they write, as with any program's code;
/// MADV_DONTNEED brings the saved bytes back.
struct MappedRegions {
  let work: RestoreArena
  let reader: DataReader

  /// A region in more pieces is made as in any restart.
  private static let partLimit = 16

  /// A part of a region: bytes that lie side by side in the image, or zeros.
  private struct Part: BitwiseCopyable {
    var range: AddressRange

    /// From the start of the image.
    var offset: UInt64

    var isZero: Bool
  }

  /// Maps a region and checks its bytes.
  ///
  /// - Returns: whether it did; else nothing has changed.
  func map(_ index: Int) throws(RestartFailure) -> Bool {
    guard isSuitable(index) else { return false }
    let region = work.image.regions[index]
    var position = region.range.start
    while let part = part(of: index, from: position) {
      try map(part, region)
      position = part.range.end
    }
    try check(index)
    work.isMapped[index] = 1
    return true
  }

  private func isSuitable(_ index: Int) -> Bool {
    guard !bearsName(index) else { return false }
    var position = work.image.regions[index].range.start
    var count = 0
    while let part = part(of: index, from: position) {
      count += 1
      guard count <= Self.partLimit else { return false }
      position = part.range.end
    }
    return true
  }

  /// What the agent writes to is a memfd with its name: by that, `ckpt save` finds it.
  private func bearsName(_ index: Int) -> Bool {
    let region = work.image.regions[index]
    guard region.file != CKPT_NONE, region.finalProtection.contains(.write) else { return false }
    let entry = Address(work.image.agent.entry)
    var other = Int(work.firstOfFile[Int(region.file)])
    while other >= 0 {
      if work.image.regions[other].range.contains(entry) { return true }
      other = Int(work.next[other])
    }
    return false
  }

  /// The part of a region that begins at an address; `nil`: the region ends there.
  private func part(of index: Int, from position: Address) -> Part? {
    let end = work.image.regions[index].range.end
    guard position < end else { return nil }
    let spans = work.image.spans
    let last = work.image.spans(of: index).upperBound
    var next = max(
      spans.firstIndex(endingBehind: position), work.image.spans(of: index).lowerBound)
    while next < last, spans[next].source == Span.zeros { next += 1 }
    guard next < last else { return Self.zeros(position, end) }
    guard spans[next].address == position else {
      return Self.zeros(position, min(spans[next].address, end))
    }
    let offset = spans[next].fileOffset
    while next + 1 < last, spans[next + 1].address == spans[next].end,
      spans[next].isFollowed(by: spans[next + 1])
    {
      next += 1
    }
    return AddressRange(start: position.rawValue, end: spans[next].end.rawValue).map {
      Part(range: $0, offset: offset, isZero: false)
    }
  }

  private static func zeros(_ start: Address, _ end: Address) -> Part? {
    AddressRange(start: start.rawValue, end: end.rawValue).map {
      Part(range: $0, offset: 0, isZero: true)
    }
  }

  private func map(_ part: Part, _ region: ckpt_region) throws(RestartFailure) {
    var flags = MapFlags.private | .fixedNoReplace
    if region.has(CKPT_REGION_NO_RESERVE) { flags = flags | .noReserve }
    if part.isZero { flags = flags | .anonymous }
    let source = work.image.sources[0]
    do throws(Errno) {
      try Mapping.map(
        at: part.range.start, byteCount: part.range.byteCount, region.finalProtection, flags,
        descriptor: part.isZero ? -1 : source.descriptor,
        offset: part.isZero ? 0 : source.start + part.offset)
    } catch {
      throw RestartFailure(
        .failed, "cannot map region", errno: error, hint: ckpt_region.hint(for: error),
        number: region.start, numberStyle: .hexadecimal,
        name: work.image.address(of: region.path), nameByteCount: Int(region.path.byte_count))
    }
  }

  /// Looks at the bytes in the file, not in the mapping: what can't be read there is a signal.
  private func check(_ index: Int) throws(RestartFailure) {
    let region = work.image.regions[index]
    for number in work.image.spans(of: index) {
      let span = work.image.spans[number]
      guard span.source != Span.zeros else { continue }
      var pieces = DataPieces(
        span.part(from: 0, span.byteCount, to: work.buffer, region: region.start))
      while var piece = pieces.next() {
        piece.address = work.buffer
        try reader.read(piece)
      }
    }
  }
}
