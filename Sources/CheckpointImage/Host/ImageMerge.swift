internal import CImage

/// Where a merged image goes.
public protocol ImageSink {
  mutating func write(_ bytes: [UInt8], at offset: UInt64) throws
}

/// Why images can't be made one.
public enum MergeError: Error {
  /// One of the images, by its number, newest first: an `ImageError`, or what its source throws.
  case image(Int, any Error)

  /// A file that one of the images refers to: what the reader throws.
  case file(path: String, link: Int, any Error)

  /// Such a file has other bytes now, from `offset` on.
  case changedFile(path: String, link: Int, offset: UInt64)

  /// What the sink throws.
  case output(any Error)
}

/// Makes one image of a chain: the newest one, with all that it needs.
///
/// The new image has the identity of the newest: it is the same one in another form, and images that
/// are changes to the one are changes to the other.
public struct ImageMerge<Source: ImageSource> {
  private let chain: ImageChain
  private let plan: MergePlan
  private var images: [CheckedImage<Source>]

  /// The digests of blocks, and those of the block that isn't full yet.
  private var blocks: [UInt64] = []
  private var digests: [UInt64] = []

  /// Bytes that are read and written at a time.
  private static var chunkByteCount: UInt64 { 1 << 20 }

  /// Looks at the chain, and decides what goes where.
  ///
  /// - Parameters:
  ///   - sources: the images of the chain, newest first.
  ///   - isThick: what is in files goes into the image.
  public init(
    _ chain: ImageChain, _ sources: [Source], isThick: Bool
  ) throws(MergeError) {
    precondition(chain.heads.count == sources.count)
    self.chain = chain
    images = []
    for (link, source) in sources.enumerated() {
      do { images.append(try CheckedImage(chain.heads[link], source)) } catch {
        throw .image(link, error)
      }
    }
    do throws(ImageError) { plan = try MergePlan(chain, isThick: isThick) } catch {
      throw .image(0, error)
    }
  }

  /// Bytes of the image that this makes.
  public var fileByteCount: UInt64 { plan.end.fileByteCount }

  /// Bytes of memory that are taken out of files for it.
  public var fileDataByteCount: UInt64 {
    plan.copies.reduce(0) {
      if case .file = $1.source { $0 + $1.byteCount } else { $0 }
    }
  }

  /// Writes the image.
  ///
  /// - Parameters:
  ///   - sink: gets each byte once, in no order.
  ///   - files: reads the files that images refer to.
  ///   - progress: hears how much data was written.
  public mutating func write(
    to sink: inout some ImageSink, files: CheckpointImageFile.FileReader,
    progress: (UInt64) -> Void
  ) throws(MergeError) {
    var done: UInt64 = 0
    for copy in plan.copies {
      try write(copy, to: &sink, files) { progress(done + $0) }
      done += copy.byteCount
    }
    try writeBlock(to: &sink)
    try put(plan.head, at: 0, in: &sink)
    try put(table(), at: plan.end.digestsOffset, in: &sink)
    try put(
      plan.end.bytes(segmentCount: plan.segmentCount), at: plan.end.namesOffset, in: &sink)
  }

  private mutating func write(
    _ copy: MergePlan.Copy, to sink: inout some ImageSink, _ files: CheckpointImageFile.FileReader,
    _ progress: (UInt64) -> Void
  ) throws(MergeError) {
    var done: UInt64 = 0
    while done < copy.byteCount {
      let count = min(Self.chunkByteCount, copy.byteCount - done)
      let piece = copy.firstPiece + done / Pieces.byteCount
      switch copy.source {
      case .image(let link, let offset):
        let part = try readImage(link) { image throws in
          try image.read(at: offset + done, byteCount: count, firstPiece: piece)
        }
        let padding = [UInt8](repeating: 0, count: -part.bytes.count & 4095)
        try put(part.bytes + padding, at: copy.destination + done, in: &sink)
        try add(part.digests, to: &sink)
      case .file(let link, let run, let offset):
        let expected = try readDigests(link, piece, count)
        let path = chain.heads[link].path(ofRun: run)
        let bytes = try read(path, link, offset + done, count, unlike: expected, files)
        try put(bytes, at: copy.destination + done, in: &sink)
        try add(expected, to: &sink)
      case .digestsOnly(let link):
        try add(try readDigests(link, piece, count), to: &sink)
      }
      done += count
      progress(done)
    }
  }

  private mutating func readImage<R>(
    _ link: Int, _ body: (inout CheckedImage<Source>) throws -> R
  ) throws(MergeError) -> R {
    do { return try body(&images[link]) } catch { throw .image(link, error) }
  }

  private mutating func readDigests(
    _ link: Int, _ first: UInt64, _ byteCount: UInt64
  ) throws(MergeError) -> [UInt64] {
    try readImage(link) { try $0.digests(first, Pieces.count(of: byteCount)) }
  }

  private func read(
    _ path: String, _ link: Int, _ offset: UInt64, _ count: UInt64, unlike expected: [UInt64],
    _ files: CheckpointImageFile.FileReader
  ) throws(MergeError) -> [UInt8] {
    let bytes: [UInt8]
    do { bytes = try files(path, offset, Int(count)) } catch {
      throw .file(path: path, link: link, error)
    }
    guard bytes.count == Int(count) else {
      throw .changedFile(path: path, link: link, offset: offset + UInt64(bytes.count))
    }
    if let page = bytes.firstPage(unlike: expected) {
      throw .changedFile(path: path, link: link, offset: offset + UInt64(page) * Pieces.byteCount)
    }
    return bytes
  }

  // MARK: Digests

  private mutating func add(
    _ new: [UInt64], to sink: inout some ImageSink
  ) throws(MergeError) {
    let limit = Int(ImageEnd.blockPieceCount)
    var rest = new[...]
    while !rest.isEmpty {
      let part = rest.prefix(limit - digests.count)
      digests += part
      rest = rest.dropFirst(part.count)
      if digests.count == limit { try writeBlock(to: &sink) }
    }
  }

  private mutating func writeBlock(to sink: inout some ImageSink) throws(MergeError) {
    guard !digests.isEmpty else { return }
    let bytes = digests.flatMap { rawBytes($0) }
    try put(bytes, at: plan.end.block(UInt64(blocks.count)).fileOffset, in: &sink)
    blocks.append(bytes.withRawSpan { XXH3.digest($0) })
    digests = []
  }

  /// What the section of digests begins with.
  private func table() -> [UInt8] {
    let image: ckpt_image = chain.newest.entries(chain.newest.index.image)[0]
    var header = ckpt_digest_header()
    header.magic = CKPT_DIGEST_MAGIC
    header.identity_low = image.identity_low
    header.identity_high = image.identity_high
    header.head_bytes = UInt64(plan.head.count)
    header.head_digest = plan.head.withRawSpan { XXH3.digest($0) }
    header.piece_bytes = Pieces.byteCount
    header.count = plan.end.pieceCount
    let digests = blocks.flatMap { rawBytes($0) }
    let table = rawBytes(header) + digests
    header.table_digest = table.withRawSpan { XXH3.digest($0) }
    return rawBytes(header) + digests
  }

  private func put(
    _ bytes: [UInt8], at offset: UInt64, in sink: inout some ImageSink
  ) throws(MergeError) {
    do { try sink.write(bytes, at: offset) } catch { throw .output(error) }
  }
}

extension ImageEnd {
  /// What follows the digests: names and section headers.
  func bytes(segmentCount: UInt64) -> [UInt8] {
    let names = (0..<Int(ImageEnd.namesPaddedByteCount)).map {
      $0 < ImageEnd.namesByteCount ? ImageEnd.name(at: $0) : 0
    }
    return names
      + (0..<Int(ImageEnd.sectionCount)).flatMap { index in
        let words = section(index, segmentCount)
        return (0..<8).flatMap { rawBytes(words[$0]) }
      }
  }
}
