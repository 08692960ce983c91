internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Compares what was read of a stream with the digests at its end.
struct StreamCheck {
  let work: RestoreArena
  let layout: StreamLayout
  var stream: StreamInput

  private var index: ImageIndex { work.image.index }
  private var head: RawSpan {
    @_lifetime(immortal) get {
      Memory.bytes(at: work.image.head, count: Int(index.headByteCount))
    }
  }

  /// - Throws: what is wrong first; the program has not run one instruction.
  mutating func run() throws(RestartFailure) {
    let byteCount = index.end.tableByteCount
    let start = try during("cannot get memory for the restart") { () throws(Errno) in
      try Mapping.map(
        byteCount: roundedUpToPage(byteCount), .read | .write, .private | .anonymous | .noReserve)
    }
    try stream.read(to: start, byteCount: byteCount)
    try checkTable(at: start, Memory.bytes(at: start, count: Int(byteCount)))
    try? Mapping.unmap(
      AddressRange(start: start, byteCount: roundedUpToPage(byteCount)) ?? .empty)
    try checkEnd()
    if !stream.goesOn { try stream.checkEnd(by: work.buffer) }
  }

  private mutating func checkTable(
    at start: Address, _ bytes: RawSpan
  ) throws(RestartFailure) {
    do throws(ImageError) {
      _ = try ImageDigests(
        table: bytes, head: head, headDigest: stream.headDigest, index: index)
    } catch {
      throw StreamInput.damage(error)
    }
    for number in 0..<index.end.blockCount {
      let expected = start + (ImageEnd.digestHeaderByteCount + number * 8)
      try check(index.end.block(number), Memory.load(UInt64.self, at: expected))
    }
  }

  private mutating func check(_ block: DigestBlock, _ expected: UInt64) throws(RestartFailure) {
    try stream.read(to: work.buffer, byteCount: block.byteCount)
    do throws(ImageError) {
      try block.check(
        Memory.bytes(at: work.buffer, count: Int(block.byteCount)), against: expected)
    } catch {
      throw StreamInput.damage(error)
    }
    let first = block.index * ImageEnd.blockPieceCount
    for number in 0..<block.pieceCount {
      let saved = Memory.load(UInt64.self, at: work.buffer + number * 8)
      let found = Memory.load(UInt64.self, at: layout.digests + (first + number) * 8)
      guard saved == found else { throw damage(piece: first + number) }
    }
  }

  /// What follows the digests: no byte of an image is covered by nothing.
  private mutating func checkEnd() throws(RestartFailure) {
    let byteCount = index.end.fileByteCount - index.end.namesOffset
    try stream.read(to: work.buffer, byteCount: byteCount)
    do throws(ImageError) {
      try index.end.check(
        Memory.bytes(at: work.buffer, count: Int(byteCount)),
        segmentCount: index.segmentCount(head))
    } catch {
      throw StreamInput.damage(error)
    }
  }

  /// Names the region that has a piece, or the file that it is in.
  private func damage(piece: UInt64) -> RestartFailure {
    let reader = work.reader(0)
    for number in 0..<work.image.spans.count {
      let span = work.image.spans[number]
      guard span.source != Span.zeros, piece >= span.piece,
        piece - span.piece < Pieces.count(of: span.byteCount)
      else { continue }
      return reader.damage(
        span.source, work.image.regions[Int(span.region)].start,
        why: "its data does not match its digest")
    }
    return reader.damage(0, 0, why: "its data does not match its digest")
  }
}
