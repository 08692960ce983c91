internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Reads a stream's data in its order, each byte straight to where it belongs, and notes digests.
///
/// Contents of objects go into a file in memory with the layout of the image: what comes later reads
/// them there as it would from an image file.
struct StreamFill {
  let work: RestoreArena
  let layout: StreamLayout
  let service: KernelService
  let hugePages: HugePages
  var stream: StreamInput

  /// Notes digests; nothing is checked before all are there.
  private let reader: DataReader

  /// Bytes that are read and digested at a time: they are still in the processor's cache then.
  private static let chunkByteCount: UInt64 = 256 << 10

  init(
    _ work: RestoreArena, _ layout: StreamLayout, _ stream: StreamInput, _ service: KernelService,
    _ hugePages: HugePages
  ) {
    self.work = work
    self.layout = layout
    self.stream = stream
    self.service = service
    self.hugePages = hugePages
    reader = work.reader(0)
  }

  /// - Returns: the file with the contents of objects, -1: there are none.
  mutating func run() throws(RestartFailure) -> Int32 {
    zeroSpans()
    let spool = try makeSpool()
    for index in 0..<layout.parts.count {
      let part = layout.parts[index]
      try stream.skip(to: part.fileOffset, by: work.buffer)
      if part.isExtent {
        try takeExtent(Int(part.index), to: spool)
      } else {
        try take(work.image.spans[Int(part.index)])
      }
    }
    hugePages.close()
    try stream.skip(to: work.image.index.digestsOffset, by: work.buffer)
    return spool
  }

  /// What is zero though the file behind it is not.
  private func zeroSpans() {
    for index in 0..<work.image.spans.count {
      let span = work.image.spans[index]
      guard span.source == Span.zeros, !span.isClean,
        !work.image.regions[Int(span.region)].isKernelMapping
      else { continue }
      Memory.zero(AddressRange(start: span.address, byteCount: span.byteCount) ?? .empty)
    }
  }

  private func makeSpool() throws(RestartFailure) -> Int32 {
    guard work.image.extents.count > 0 else { return -1 }
    return try during("cannot make a file in memory") { () throws(Errno) in
      try Files.memoryFile(name: ("ckpt-stream" as StaticString).address, flags: 0)
    }
  }

  // MARK: Spans

  private mutating func take(_ span: Span) throws(RestartFailure) {
    let region = work.image.regions[Int(span.region)]
    if span.isClean {
      try copy(
        span, to: layout.files[Int(span.region)],
        at: region.file_offset + (span.address - region.range.start))
    } else if region.isKernelMapping, !service.mapsAsMemory(region) {
      try copy(span, to: -1, at: 0)
    } else if let range = hugePages.movable(span, in: region), hugePages.prepare(range) {
      try move(span, region, range)
    } else {
      try read(span, from: 0, span.byteCount, to: span.address)
    }
  }

  /// Reads a part of a span to an address.
  private mutating func read(
    _ span: Span, from offset: UInt64, _ byteCount: UInt64, to address: Address
  ) throws(RestartFailure) {
    var done: UInt64 = 0
    while done < byteCount {
      let count = min(byteCount - done, Self.chunkByteCount)
      try stream.read(to: address + done, byteCount: count)
      try reader.check(span.part(from: offset + done, count, to: address + done, region: 0))
      done += count
    }
  }

  /// Reads a span through huge pages that are then moved to their place.
  private mutating func move(
    _ span: Span, _ region: ckpt_region, _ range: AddressRange
  ) throws(RestartFailure) {
    try read(span, from: 0, range.start - span.address, to: span.address)
    var place = range.start
    while place < range.end {
      try read(span, from: place - span.address, HugePages.size, to: work.stage(0))
      let target = AddressRange(start: place, byteCount: HugePages.size) ?? .empty
      try during(
        "cannot bring data to its place in region", number: region.start,
        numberStyle: .hexadecimal
      ) { () throws(Errno) in try hugePages.bring(work.stage(0), to: target) }
      place = place + HugePages.size
    }
    hugePages.finish(range)
    try read(span, from: range.end - span.address, span.end - range.end, to: range.end)
  }

  /// Reads a span into a file; -1: nobody wants it, but its digest counts.
  private mutating func copy(
    _ span: Span, to file: Int32, at start: UInt64
  ) throws(RestartFailure) {
    var done: UInt64 = 0
    while done < span.byteCount {
      let count = min(span.byteCount - done, DataPieces.byteCountLimit)
      try read(span, from: done, count, to: work.buffer)
      if file >= 0 { try write(count, to: file, at: start + done) }
      done += count
    }
  }

  private func write(
    _ byteCount: UInt64, to file: Int32, at offset: UInt64
  ) throws(RestartFailure) {
    try during("cannot write a file in memory") { () throws(Errno) in
      try Files.write(file, from: work.buffer, byteCount: byteCount, at: offset)
    }
  }

  // MARK: Extents

  private mutating func takeExtent(_ index: Int, to spool: Int32) throws(RestartFailure) {
    var pieces = DataPieces(ofExtent: index, in: work.image, at: work.buffer)
    while var piece = pieces.next() {
      piece.address = work.buffer
      try stream.read(to: work.buffer, byteCount: piece.byteCount)
      try reader.check(piece)
      try write(piece.byteCount, to: spool, at: piece.fileOffset)
    }
  }
}
