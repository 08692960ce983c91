internal import CImage

/// What goes where in an image that has all that a chain has.
struct MergePlan {
  /// A piece of the work, in the order of the digests.
  struct Copy: Equatable {
    enum Source: Equatable {
      /// From an image of the chain, by its number.
      case image(Int, fileOffset: UInt64)

      /// From a file that a region of an image shows: of which image and which run.
      case file(Int, run: Int, fileOffset: UInt64)

      /// From nowhere: the bytes stay in their file, and only the digests are needed.
      case digestsOnly(Int)
    }

    var source: Source
    var byteCount: UInt64
    var firstPiece: UInt64

    /// Where the bytes go.
    var destination: UInt64
  }

  private(set) var copies: [Copy] = []

  /// The head of the new image, and what follows its data.
  let head: [UInt8]
  let end: ImageEnd
  let segmentCount: UInt64

  /// No head has room for more runs: each takes its record and a program header.
  private static let runLimit = 1 << 25

  /// - Parameter isThick: what is in files goes into the image.
  /// - Throws: `.headTooLarge`.
  init(_ chain: ImageChain, isThick: Bool) throws(ImageError) {
    var runs = MergedRuns(chain, isThick: isThick)
    try require(
      runs.all.count <= Self.runLimit, .headTooLarge, at: 0, UInt64(runs.all.count))
    let merged = MergedHead(chain.newest, runs: runs.all)
    let headByteCount = merged.byteCount
    let extents: [ckpt_extent] = chain.newest.entries(chain.newest.index.extents)
    var position = headByteCount
    runs.place(from: &position)
    var extentOffsets: [UInt64] = []
    for extent in extents {
      extentOffsets.append(position)
      position += (extent.byte_count + 4095) & ~4095
    }
    runs.pointObjects(extents, extentOffsets)
    let pieceCount =
      runs.all.reduce(0) { $0 + ($1.hasDigests ? Pieces.count(of: $1.byte_count) : 0) }
      + extents.reduce(0) { $0 + Pieces.count(of: $1.byte_count) }
    end = ImageEnd(digestsOffset: position, pieceCount: pieceCount)
    head = merged.bytes(
      runs: runs.all, extentOffsets: extentOffsets, sectionsOffset: end.sectionsOffset)
    segmentCount = merged.segmentCount
    copies = runs.copies + Self.copies(of: extents, to: extentOffsets, in: chain.newest)
  }

  private static func copies(
    of extents: [ckpt_extent], to offsets: [UInt64], in head: ImageHead
  ) -> [Copy] {
    // Extents have the last digests.
    var piece =
      head.index.pieceCount - extents.reduce(0) { $0 + Pieces.count(of: $1.byte_count) }
    return zip(extents, offsets).map { extent, offset in
      defer { piece += Pieces.count(of: extent.byte_count) }
      return Copy(
        source: .image(0, fileOffset: extent.file_offset), byteCount: extent.byte_count,
        firstPiece: piece, destination: offset)
    }
  }
}

/// The runs of a merged image, and where their bytes are now.
private struct MergedRuns {
  private(set) var all: [ckpt_run] = []
  private(set) var copies: [MergePlan.Copy] = []

  /// By copy, its run.
  private var runOfCopy: [Int] = []
  private let chain: ImageChain
  private let isThick: Bool

  init(_ chain: ImageChain, isThick: Bool) {
    self.chain = chain
    self.isThick = isThick
    let runs: [ckpt_run] = chain.newest.entries(chain.newest.index.runs)
    for (index, run) in runs.enumerated() {
      switch run.kind {
      case CKPT_RUN_HERE, CKPT_RUN_FILE, CKPT_RUN_PARENT: add(run, index)
      default: all.append(run)
      }
    }
  }

  private mutating func add(_ run: ckpt_run, _ index: Int) {
    guard run.kind == CKPT_RUN_PARENT else {
      let place = MemoryPart.Place(
        link: 0, run: index, fileOffset: run.file_offset,
        firstPiece: chain.firstPiece(ofRun: index))
      return add(
        MemoryPart(
          run.address, run.address + run.byte_count,
          run.kind == CKPT_RUN_HERE ? .image(place) : .file(place)), of: run)
    }
    for part in chain.parts(run.address, run.address + run.byte_count, from: 1) {
      add(part, of: run)
    }
  }

  private mutating func add(_ part: MemoryPart, of run: ckpt_run) {
    switch part.source {
    case .zero:
      // A private mapping shows its file where nothing else is said.
      let region = chain.newest.region(Int(run.region))
      if region.kind == CKPT_REGION_PRIVATE_FILE { add(part, CKPT_RUN_ZERO, run) }
    case .image(let place):
      add(part, CKPT_RUN_HERE, run)
      addCopy(.image(place.link, fileOffset: place.fileOffset), part, place)
    case .file(let place):
      let stays = !isThick && isSameFile(place, part, run)
      add(part, stays ? CKPT_RUN_FILE : CKPT_RUN_HERE, run)
      addCopy(
        stays
          ? .digestsOnly(place.link)
          : .file(place.link, run: place.run, fileOffset: place.fileOffset), part, place)
    }
  }

  /// Whether the newest image's region shows these bytes of that file, too.
  private func isSameFile(
    _ place: MemoryPart.Place, _ part: MemoryPart, _ run: ckpt_run
  ) -> Bool {
    let region = chain.newest.region(Int(run.region))
    return (region.kind == CKPT_REGION_PRIVATE_FILE || region.kind == CKPT_REGION_SHARED_FILE)
      && region.file_offset + (part.start - region.start) == place.fileOffset
      && chain.newest.text(region.path) == chain.heads[place.link].path(ofRun: place.run)
  }

  /// Adds to the last run, or a new one.
  private mutating func add(_ part: MemoryPart, _ kind: UInt32, _ original: ckpt_run) {
    if let last = all.last, last.kind == kind, last.region == original.region,
      last.flags == original.flags, last.address + last.byte_count == part.start
    {
      all[all.count - 1].byte_count += part.byteCount
      return
    }
    var run = original
    run.kind = kind
    run.address = part.start
    run.byte_count = part.byteCount
    all.append(run)
  }

  private mutating func addCopy(
    _ source: MergePlan.Copy.Source, _ part: MemoryPart, _ place: MemoryPart.Place
  ) {
    runOfCopy.append(all.count - 1)
    copies.append(
      MergePlan.Copy(
        source: source, byteCount: part.byteCount, firstPiece: place.firstPiece,
        destination: part.start - all[all.count - 1].address))
  }

  /// Lays the runs down one after another.
  mutating func place(from position: inout UInt64) {
    for index in all.indices {
      switch all[index].kind {
      case CKPT_RUN_HERE:
        all[index].file_offset = position
        position += all[index].byte_count
      case CKPT_RUN_FILE:
        let region = chain.newest.region(Int(all[index].region))
        all[index].file_offset = region.file_offset + (all[index].address - region.start)
      case CKPT_RUN_OBJECT: break
      default: all[index].file_offset = 0
      }
    }
    for index in copies.indices {
      copies[index].destination += all[runOfCopy[index]].file_offset
    }
  }

  /// Points what shows an object to where its bytes go.
  mutating func pointObjects(_ extents: [ckpt_extent], _ offsets: [UInt64]) {
    let objects: [ckpt_object] = chain.newest.entries(chain.newest.index.objects)
    for index in all.indices where all[index].kind == CKPT_RUN_OBJECT {
      let object = objects[Int(chain.newest.region(Int(all[index].region)).object)]
      let first = Int(object.first_extent)
      let place = all[index].file_offset
      let extent = (first..<(first + Int(object.extent_count))).first {
        place >= extents[$0].file_offset
          && place < extents[$0].file_offset + (extents[$0].byte_count + 4095) & ~4095
      }
      guard let extent else { continue }
      all[index].file_offset = offsets[extent] + (place - extents[extent].file_offset)
    }
  }
}
