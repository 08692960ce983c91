internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The images that the new one is a change to, opened to look up what they have at an address.
///
/// Only digests are looked up: a page whose digest the chain has needs not be written again.
/// Stopped-world safe.
struct ParentChain: BitwiseCopyable {
  fileprivate struct Link: BitwiseCopyable {
    var descriptor: Int32
    var runs: Records<ckpt_run>

    /// By run: the index of its first digest.
    var firstPieces: Table<UInt64>
    var end: ImageEnd

    /// One block of digests, and which one it is.
    var block: Address
    var blockIndex = UInt64.max

    /// The run that was found last.
    var position = 0
  }

  private var links: Table<Link>

  private static let blockByteCount = ImageEnd.blockPieceCount * 8

  /// Opens the parent of `draft` and all that it needs itself.
  ///
  /// - Parameter here: empty; when this throws, where the image is that can't be had.
  /// - Throws: `noSuchFile` when an image is missing or another one is in its place, `invalid` when
  ///   one can't be read, `outOfMemory`.
  init(_ draft: inout ImageDraft, at here: inout ImagePath) throws(Errno) {
    let count = Int(draft.parent.depth)
    links = try Table(in: &draft.scratch, capacity: count)
    let strings = draft.strings.base
    do throws(Errno) {
      var wanted = draft.parent
      var names = strings
      try here.append(
        from: names + UInt64(wanted.path.offset), byteCount: UInt64(wanted.path.byte_count))
      while true {
        guard let parent = try open(here, wanted, &draft.scratch) else { break }
        // There may be fewer: one that was merged in its place needs no other.
        guard links.count < count else { throw .invalid }
        let folder = here.directoryByteCount
        names = parent.strings
        wanted = parent.record
        try here.replace(
          from: folder, with: names + UInt64(wanted.name.offset),
          byteCount: UInt64(wanted.name.byte_count))
        if (try? FileStatus(path: here.address)) == nil {
          try here.replace(
            from: 0, with: names + UInt64(wanted.path.offset),
            byteCount: UInt64(wanted.path.byte_count))
        }
      }
    } catch {
      close()
      throw error
    }
  }

  /// What an image says of its own parent.
  private struct Parent {
    var record: ckpt_parent
    var strings: Address
  }

  /// - Returns: the opened image's own parent, `nil`: it stands alone.
  private mutating func open(
    _ path: ImagePath, _ wanted: ckpt_parent, _ scratch: inout Arena
  ) throws(Errno) -> Parent? {
    let file = try FileDescriptor(path: path.address, .readOnly | .nonBlocking)
    let prefix = try scratch.reserve(UInt64(ImageIndex.prefixByteCount), alignment: pageByteCount)
    let have = try file.readFully(
      to: prefix, byteCount: UInt64(ImageIndex.prefixByteCount), at: 0)
    do throws(ImageError) {
      let headByteCount = try ImageIndex.headByteCount(
        prefix: Memory.bytes(at: prefix, count: Int(have)))
      return try add(file, headByteCount, wanted, &scratch)
    } catch {
      throw .invalid
    }
  }

  private mutating func add(
    _ file: consuming FileDescriptor, _ headByteCount: UInt64, _ wanted: ckpt_parent,
    _ scratch: inout Arena
  ) throws(ImageError) -> Parent? {
    let missing = ImageError(.truncated, at: 0, headByteCount)
    guard let place = try? scratch.reserve(headByteCount, alignment: pageByteCount),
      (try? file.readFully(to: place, byteCount: headByteCount, at: 0)) == headByteCount
    else { throw missing }
    let head = Memory.bytes(at: place, count: Int(headByteCount))
    let index = try ImageIndex(head: head, fileByteCount: nil)
    let image: ckpt_image = Memory.load(at: place + UInt64(index.image.offset))
    guard image.identity_low == wanted.identity_low, image.identity_high == wanted.identity_high
    else { throw missing }
    let runs = Records<ckpt_run>(
      at: place + UInt64(index.runs.offset), count: index.runs.count,
      stride: index.runs.entryByteCount)
    do throws(Errno) {
      var pieces = try Table<UInt64>(in: &scratch, capacity: runs.count)
      var count: UInt64 = 0
      for run in 0..<runs.count {
        try pieces.append(count)
        if runs[run].hasDigests { count += Pieces.count(of: runs[run].byte_count) }
      }
      try links.append(
        Link(
          descriptor: file.number, runs: runs, firstPieces: pieces, end: index.end,
          block: try scratch.reserve(Self.blockByteCount)))
      _ = file.relinquish()
    } catch {
      throw missing
    }
    guard index.parent.count == 1 else { return nil }
    return Parent(
      record: Memory.load(at: place + UInt64(index.parent.offset)),
      strings: place + UInt64(index.strings.offset))
  }

  /// Lets go of the files.
  func close() {
    for index in 0..<links.count { closeDescriptor(links[index].descriptor) }
  }

  // MARK: Looking up

  /// The digest of the page that the chain has at an address, `nil`: it has none there.
  mutating func digest(at address: Address) -> UInt64? {
    for index in 0..<links.count {
      var link = links[index]
      defer { links[index] = link }
      guard let number = link.run(at: address) else { return nil }
      let run = link.runs[number]
      if run.hasDigests {
        return link.digest(link.firstPieces[number] + (address - run.range.start) / pageByteCount)
      }
      guard run.kind == CKPT_RUN_PARENT else { return nil }
    }
    return nil
  }
}

extension ParentChain.Link {
  /// The run that has the address.
  fileprivate mutating func run(at address: Address) -> Int? {
    // Who asks goes upwards: it is most often the same one, or the next.
    for step in 0..<2 where position + step < runs.count {
      if runs[position + step].range.contains(address) {
        position += step
        return position
      }
    }
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].range.end > address { high = middle } else { low = middle + 1 }
    }
    guard low < runs.count, runs[low].range.contains(address) else { return nil }
    position = low
    return low
  }

  fileprivate mutating func digest(_ piece: UInt64) -> UInt64? {
    let number = piece / ImageEnd.blockPieceCount
    guard piece < end.pieceCount else { return nil }
    if number != blockIndex {
      let place = end.block(number)
      blockIndex = .max
      guard
        (try? Files.read(
          descriptor, to: block, byteCount: place.byteCount, at: place.fileOffset))
          == place.byteCount
      else { return nil }
      blockIndex = number
    }
    return Memory.load(at: block + piece % ImageEnd.blockPieceCount * 8)
  }
}
