internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Writes an image in one pass: head, data, digests, section headers.
///
/// Data goes out in chunks, and each is digested page by page while it is in the cache, just before
/// it is written. Stopped-world safe.
struct ImageWriter: ~Copyable {
  private let descriptor: Int32

  /// The section of digests: a ckpt_digest_header, digests of blocks, then `digestCount` digests.
  ///
  /// A mapping of its own: of a large program there are more than scratch memory has room for.
  private let sectionRange: AddressRange
  private var section: Address { sectionRange.start }
  private var digestCount: UInt64 = 0
  private let end: ImageEnd

  /// What is around the image; `nil`: nothing.
  private let frame: SnapshotFrame?

  /// Where the image starts in the file.
  private let start: UInt64

  /// Room to copy what can't be written straight from where it is.
  private let bounce: Address

  /// Runs that wait to be written together: a change has thousands of a page each.
  private let ownGathered: Address

  /// Where they are copied to, as much as there is room, and how much is there: a stage of the
  /// direct writes, or `ownGathered`.
  private var gathered: Address
  private var gatheredCapacity: UInt64 = 0
  private var gatheredByteCount: UInt64 = 0

  /// Where the next byte goes in the file, and where the file's own position is: direct writes don't
  /// move it.
  private(set) var position: UInt64
  private var filePosition: UInt64 = 0

  /// Of which the region is open for reading, `nil`: none needs it.
  private var readable: Readable?
  private var readableRegion = Int.max

  private static let chunkByteCount: UInt64 = 1 << 20
  private static let cachedByteCount: UInt64 = 128 << 10
  private var writeAhead: WriteAhead
  private var direct: DirectWrites

  /// Milliseconds that nobody reads what is written, until it has failed.
  private let patience: Int
  static let patience = 60_000

  init(
    to descriptor: Int32, _ head: ImageLayout, in frame: SnapshotFrame? = nil, isInClone: Bool,
    patience: Int = patience,
    scratch: inout Arena
  ) throws(Errno) {
    self.patience = patience
    let bounce = try scratch.reserve(Self.chunkByteCount, alignment: pageByteCount)
    let gathered = try scratch.reserve(Self.chunkByteCount, alignment: pageByteCount)
    let fileByteCount = frame?.fileByteCount ?? head.fileByteCount
    let writeAhead = try WriteAhead(descriptor, byteCount: fileByteCount)
    let byteCount = roundedUpToPage(head.end.digestsByteCount)
    let section = try Mapping.map(
      byteCount: byteCount, .read | .write, .private | .anonymous | .noReserve)
    sectionRange = AddressRange(start: section, byteCount: byteCount) ?? .empty
    self.bounce = bounce
    ownGathered = gathered
    self.gathered = gathered
    self.writeAhead = writeAhead
    direct = DirectWrites(
      descriptor, byteCount: fileByteCount, endsWithProcess: isInClone)
    end = head.end
    self.frame = frame
    start = frame?.executable.imageOffset ?? 0
    position = 0
    self.descriptor = descriptor
  }

  deinit { try? Mapping.unmap(sectionRange) }

  /// Writes everything; `progress` hears of the position now and then.
  mutating func write(
    _ draft: ImageDraft, _ head: ImageLayout, progress: (UInt64) -> Void
  ) throws(Errno) {
    if draft.endsPrecopyStream {
      try putBehindPrecopy(draft, head)
    } else if let share = draft.copied?.share {
      try Files.write(
        descriptor, from: head.bytes.start, byteCount: head.bytes.byteCount, at: 0)
      position = share.dataEnd
    } else {
      if let frame { try put(from: frame.head.start, byteCount: frame.head.byteCount) }
      try put(from: head.bytes.start, byteCount: head.bytes.byteCount)
    }
    for index in 0..<draft.runs.count where draft.runs[index].hasDigests {
      if draft.isPlaced(run: index) {
        try putPlaced(draft.runs[index], draft)
      } else {
        try put(draft.runs[index], draft)
      }
      if gatheredByteCount == 0 { progress(position) }
    }
    try putGathered()
    readable = nil
    try direct.finish()
    for index in 0..<draft.extents.count {
      try put(draft.extents[index], from: draft.sources[index])
      progress(position)
    }
    try putTail(draft, head)
  }

  /// The frame, and the head; what came in the rounds is passed over.
  private mutating func putBehindPrecopy(
    _ draft: ImageDraft, _ head: ImageLayout
  ) throws(Errno) {
    Memory.store(PrecopiedStream.frame(draft), at: bounce)
    try put(from: bounce, byteCount: UInt64(MemoryLayout<ckpt_round_frame>.size))
    (position, filePosition) = (0, 0)
    try put(from: head.bytes.start, byteCount: head.bytes.byteCount)
    guard let share = draft.copied?.share else { return }
    (position, filePosition) = (share.dataEnd, share.dataEnd)
  }

  // MARK: Data

  private mutating func put(_ run: ckpt_run, _ draft: ImageDraft) throws(Errno) {
    let region = draft.regions[Int(run.region)]
    if Int(run.region) != readableRegion {
      readable = nil
      readable = try Readable(region)
      readableRegion = Int(run.region)
    }
    // The kernel copies from a mapped file: touching it might be SIGBUS.
    if run.kind == CKPT_RUN_FILE {
      try digestCarefully(run)
    } else if region.kind == CKPT_REGION_PRIVATE_FILE {
      try putCopied(run, from: Address(run.address), isCareful: true)
    } else if direct.isOn || run.byte_count <= Self.chunkByteCount || isInUse(run, draft) {
      try putCopied(run, from: draft.place(of: run))
    } else {
      try putStraight(run, from: draft.place(of: run))
    }
  }

  /// A run whose place a precopy process gave it: what was written since goes there, and the rest lies
  /// there, with its digests in the shared memory.
  private mutating func putPlaced(_ run: ckpt_run, _ draft: ImageDraft) throws(Errno) {
    guard let share = draft.copied?.share else { throw .badAddress }
    // In a stream, what was written since has a place behind.
    if draft.endsPrecopyStream {
      return try addDigests(of: run.byte_count, at: run.file_offset, from: share)
    }
    // Not watched all the time: nothing is known of what was written.
    guard var changes = draft.tracked?.changes(in: run.range) else {
      return try rewrite(run.range, at: run.file_offset, draft)
    }
    var position = run.range.start
    while position < run.range.end {
      let part = changes.next(from: position, to: run.range.end)
      let offset = run.file_offset + (position - run.range.start)
      if part.isChanged {
        try rewrite(part.range, at: offset, draft)
      } else {
        try addDigests(of: part.range.byteCount, at: offset, from: share)
      }
      position = part.range.end
    }
  }

  /// Adds digests of pages that a precopy process has copied.
  private mutating func addDigests(
    of byteCount: UInt64, at offset: UInt64, from share: PrecopyShare
  ) throws(Errno) {
    let first = share.filePage(at: offset)
    for page in 0..<byteCount / pageByteCount {
      try addDigest(Memory.load(at: share.digest(of: first + page)))
    }
  }

  private mutating func rewrite(
    _ range: AddressRange, at offset: UInt64, _ draft: ImageDraft
  ) throws(Errno) {
    var source = range.start
    if let staging = draft.staging, staging.wiped.covers(range) {
      guard let place = staging.place(of: range) else { throw .outOfRange }
      source = place
    }
    var done: UInt64 = 0
    while done < range.byteCount {
      let count = min(Self.chunkByteCount, range.byteCount - done)
      Memory.copy(from: source + done, to: bounce, byteCount: count)
      try addDigests(of: bounce, byteCount: count)
      try Files.write(descriptor, from: bounce, byteCount: count, at: offset + done)
      done += count
    }
  }

  /// Whether a parked thread or the kernel may still write into the run; nobody can in a clone.
  ///
  /// A thread that says that it is parked has a few instructions to go on its stack, just below its
  /// signal frame; and the kernel writes into the leader's rseq area when the leader changes CPUs.
  /// Nobody reads those bytes after a restart, but they must not change between digest and write.
  private func isInUse(_ run: ckpt_run, _ draft: ImageDraft) -> Bool {
    guard !draft.isInClone else { return false }
    for index in 0..<draft.threads.count {
      let thread = draft.threads[index]
      if run.range.contains(Address(thread.frame)) || run.range.contains(Address(thread.rseq)) {
        return true
      }
    }
    return false
  }

  /// Digests and writes a copy, together with what comes before and after it.
  ///
  /// - Parameter isCareful: whether some of it may be impossible to read.
  private mutating func putCopied(
    _ run: ckpt_run, from place: Address, isCareful: Bool = false
  ) throws(Errno) {
    var done: UInt64 = 0
    while done < run.byte_count {
      if gatheredByteCount == gatheredCapacity { try beginGathering() }
      // Small enough to be in the processor's cache when it is digested.
      let room = min(Self.cachedByteCount, gatheredCapacity - gatheredByteCount)
      let count = min(room, run.byte_count - done)
      let copy = gathered + gatheredByteCount
      if isCareful {
        copyCarefully(from: place + done, to: copy, byteCount: count)
      } else {
        Memory.copy(from: place + done, to: copy, byteCount: count)
      }
      try addDigests(of: copy, byteCount: count)
      gatheredByteCount += count
      done += count
    }
  }

  /// Writes what is gathered and finds room for more.
  private mutating func beginGathering() throws(Errno) {
    try putGathered()
    gathered = direct.isOn ? try direct.freeStage() : ownGathered
    // It may be off by now.
    gatheredCapacity =
      gathered == ownGathered ? Self.chunkByteCount : direct.stageByteCount
  }

  /// Digests what stays in its file.
  private mutating func digestCarefully(_ run: ckpt_run) throws(Errno) {
    var done: UInt64 = 0
    while done < run.byte_count {
      let count = min(Self.chunkByteCount, run.byte_count - done)
      copyCarefully(from: Address(run.address) + done, to: bounce, byteCount: count)
      try addDigests(of: bounce, byteCount: count)
      done += count
    }
  }

  /// Writes to where a multiple of a chunk's length lies in the file, but for the ends.
  ///
  /// The page cache then takes large folios (ext4, XFS), and writing is half as fast again.
  private mutating func putStraight(_ run: ckpt_run, from start: Address) throws(Errno) {
    try putGathered()
    var digested: UInt64 = 0
    var written: UInt64 = 0
    while digested < run.byte_count {
      let count = min(Self.chunkByteCount, run.byte_count - digested)
      try addDigests(of: start + digested, byteCount: count)
      digested += count
      let end = position + (digested - written)
      let excess = digested == run.byte_count ? 0 : end % Self.chunkByteCount
      guard end - excess > position else { continue }
      let part = end - excess - position
      try put(from: start + written, byteCount: part)
      written += part
      writeAhead.didWrite(upTo: position)
    }
  }

  /// Copies; what can't be read becomes zero.
  private func copyCarefully(from source: Address, to target: Address, byteCount: UInt64) {
    var done: UInt64 = 0
    while done < byteCount {
      let count =
        (try? Memory.readTolerantly(
          from: source + done, to: target + done, byteCount: byteCount - done)) ?? 0
      if count == 0 {
        let page = min(pageByteCount - done % pageByteCount, byteCount - done)
        Memory.zero(AddressRange(start: target + done, byteCount: page) ?? .empty)
        done += page
      }
      done += count
    }
  }

  private mutating func put(_ extent: ckpt_extent, from source: ExtentSource) throws(Errno) {
    var done: UInt64 = 0
    while done < extent.byte_count {
      let count = min(Self.chunkByteCount, extent.byte_count - done)
      if source.descriptor >= 0 {
        try fillBounce(from: source.descriptor, at: source.offset + done, byteCount: count)
      } else {
        copyCarefully(from: source.memory + done, to: bounce, byteCount: count)
      }
      try putChunk(at: bounce, byteCount: count)
      done += count
    }
    try pad(to: roundedUpToPage(position))
  }

  /// Reads a chunk of a file; if the file has become shorter, the rest is zero.
  private func fillBounce(
    from descriptor: Int32, at offset: UInt64, byteCount: UInt64
  ) throws(Errno) {
    let file = FileDescriptor(adopting: descriptor)
    let result: Result<UInt64, Errno>
    do throws(Errno) {
      result = .success(try file.readFully(to: bounce, byteCount: byteCount, at: offset))
    } catch {
      result = .failure(error)
    }
    _ = file.relinquish()
    let count = try result.get()
    if count < byteCount {
      Memory.zero(
        AddressRange(start: bounce + count, byteCount: byteCount - count) ?? .empty)
    }
  }

  private mutating func putGathered() throws(Errno) {
    let count = gatheredByteCount
    gatheredByteCount = 0
    gatheredCapacity = 0
    guard count > 0 else { return }
    guard gathered == ownGathered else {
      try direct.write(from: gathered, byteCount: count, at: position)
      return position += count
    }
    try put(from: gathered, byteCount: count)
    writeAhead.didWrite(upTo: position)
  }

  private mutating func putChunk(at address: Address, byteCount: UInt64) throws(Errno) {
    try addDigests(of: address, byteCount: byteCount)
    try put(from: address, byteCount: byteCount)
    writeAhead.didWrite(upTo: position)
  }

  /// Adds a digest for each page of a chunk.
  private mutating func addDigests(of address: Address, byteCount: UInt64) throws(Errno) {
    guard Pieces.count(of: byteCount) <= end.pieceCount - digestCount else { throw .outOfRange }
    var done: UInt64 = 0
    while done < byteCount {
      let count = min(Pieces.byteCount, byteCount - done)
      try addDigest(XXH3.digest(Memory.bytes(at: address + done, count: Int(count))))
      done += count
    }
  }

  private mutating func addDigest(_ digest: UInt64) throws(Errno) {
    guard digestCount < end.pieceCount else { throw .outOfRange }
    Memory.store(digest, at: section + end.tableByteCount + 8 * digestCount)
    digestCount += 1
  }

  private mutating func put(from address: Address, byteCount: UInt64) throws(Errno) {
    if filePosition != position {
      filePosition = try Descriptors.seek(descriptor, to: position)
    }
    var done: UInt64 = 0
    while done < byteCount {
      let count = try PatientWrite.once(
        descriptor, from: address + done, byteCount: byteCount - done, patience: patience)
      guard count > 0 else { throw .inputOutput }
      done += count
      position += count
      filePosition += count
    }
  }

  private mutating func pad(to end: UInt64) throws(Errno) {
    guard position < end else { return }
    let count = end - position
    Memory.zero(AddressRange(start: bounce, byteCount: count) ?? .empty)
    try put(from: bounce, byteCount: count)
  }

  // MARK: Tail

  private mutating func putTail(_ draft: ImageDraft, _ head: ImageLayout) throws(Errno) {
    guard position == start + end.digestsOffset, digestCount == end.pieceCount else {
      throw .outOfRange
    }
    var header = ckpt_digest_header()
    header.magic = UInt64(CKPT_DIGEST_MAGIC)
    header.identity_low = draft.image.identity_low
    header.identity_high = draft.image.identity_high
    header.head_bytes = head.bytes.byteCount
    header.head_digest = XXH3.digest(
      Memory.bytes(at: head.bytes.start, count: Int(head.bytes.byteCount)))
    header.piece_bytes = Pieces.byteCount
    header.count = digestCount
    digestBlocks()
    Memory.store(header, at: section)
    header.table_digest = XXH3.digest(Memory.bytes(at: section, count: Int(end.tableByteCount)))
    Memory.store(header, at: section)
    try put(from: section, byteCount: end.digestsByteCount)
    Memory.zero(AddressRange(start: bounce, byteCount: pageByteCount) ?? .empty)
    var tail = HeadWriter(at: bounce)
    head.putEnd(into: &tail)
    frame?.putEnd(into: &tail)
    try put(from: bounce, byteCount: tail.offset)
  }

  private func digestBlocks() {
    for index in 0..<end.blockCount {
      let block = end.block(index)
      let digests = section + (block.fileOffset - end.digestsOffset)
      Memory.store(
        XXH3.digest(Memory.bytes(at: digests, count: Int(block.byteCount))),
        at: section + ImageEnd.digestHeaderByteCount + 8 * index)
    }
  }
}
