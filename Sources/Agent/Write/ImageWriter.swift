internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Writes an image in one pass: head, data, digests, section headers.
///
/// Every piece is digested while it is in the cache, just before it is written. Stopped-world safe.
struct ImageWriter: ~Copyable {
  private let descriptor: Int32

  /// The section of digests: a ckpt_digest_header, then `digestCount` digests.
  private let section: Address
  private var digestCount = 0
  private let digestCapacity: Int

  /// Room to copy what can't be written straight from where it is.
  private let bounce: Address

  /// Bytes written so far.
  private(set) var position: UInt64 = 0

  /// Of which the region is open for reading, `nil`: none needs it.
  private var readable: Readable?
  private var readableRegion = Int.max

  private static let pieceByteCount = UInt64(CKPT_PIECE_BYTES)
  private var writeAhead: WriteAhead

  init(to descriptor: Int32, _ head: ImageHead, scratch: inout Arena) throws(Errno) {
    let section = try scratch.reserve(head.end.digestsByteCount)
    let bounce = try scratch.reserve(Self.pieceByteCount, alignment: pageByteCount)
    let writeAhead = try WriteAhead(descriptor, byteCount: head.fileByteCount)
    self.section = section
    self.bounce = bounce
    self.writeAhead = writeAhead
    digestCapacity = Int(head.digestCount)
    self.descriptor = descriptor
  }

  /// Writes everything; `progress` hears of the position now and then.
  mutating func write(
    _ survey: Survey, _ head: ImageHead, progress: (UInt64) -> Void
  ) throws(Errno) {
    try put(from: head.bytes.start, byteCount: head.bytes.byteCount)
    for index in 0..<survey.runs.count where survey.runs[index].kind == CKPT_RUN_HERE {
      try put(survey.runs[index], survey)
      progress(position)
    }
    readable = nil
    for index in 0..<survey.extents.count {
      try put(survey.extents[index], from: survey.sources[index])
      progress(position)
    }
    try putTail(survey, head)
  }

  // MARK: Data

  private mutating func put(_ run: ckpt_run, _ survey: Survey) throws(Errno) {
    let region = survey.regions[Int(run.region)]
    if Int(run.region) != readableRegion {
      readable = nil
      readable = try Readable(region)
      readableRegion = Int(run.region)
    }
    // The kernel copies from a mapped file: touching it might be SIGBUS.
    if region.kind == CKPT_REGION_PRIVATE_FILE {
      try putCarefully(run)
    } else if run.byte_count <= Self.pieceByteCount || isInUse(run, survey) {
      try putCopied(run)
    } else {
      try putStraight(run)
    }
  }

  /// Whether a parked thread or the kernel may still write into the run.
  ///
  /// A thread that says that it is parked has a few instructions to go on its stack, just below its
  /// signal frame; and the kernel writes into the leader's rseq area when the leader changes CPUs.
  /// Nobody reads those bytes after a restart, but they must not change between digest and write.
  private func isInUse(_ run: ckpt_run, _ survey: Survey) -> Bool {
    for index in 0..<survey.threads.count {
      let thread = survey.threads[index]
      if run.range.contains(Address(thread.frame)) || run.range.contains(Address(thread.rseq)) {
        return true
      }
    }
    return false
  }

  /// Digests and writes a copy.
  private mutating func putCopied(_ run: ckpt_run) throws(Errno) {
    var done: UInt64 = 0
    while done < run.byte_count {
      let count = min(Self.pieceByteCount, run.byte_count - done)
      Memory.copy(from: Address(run.address) + done, to: bounce, byteCount: count)
      try putPiece(at: bounce, byteCount: count)
      done += count
    }
  }

  private mutating func putCarefully(_ run: ckpt_run) throws(Errno) {
    var done: UInt64 = 0
    while done < run.byte_count {
      let count = min(Self.pieceByteCount, run.byte_count - done)
      try putPiece(
        at: try copied(from: Address(run.address) + done, byteCount: count), byteCount: count)
      done += count
    }
  }

  /// Writes to where a multiple of a piece's length lies in the file, but for the ends.
  ///
  /// The page cache then takes large folios (ext4, XFS), and writing is half as fast again.
  private mutating func putStraight(_ run: ckpt_run) throws(Errno) {
    let start = Address(run.address)
    var digested: UInt64 = 0
    var written: UInt64 = 0
    while digested < run.byte_count {
      let count = min(Self.pieceByteCount, run.byte_count - digested)
      try addDigest(of: start + digested, byteCount: count)
      digested += count
      let end = position + (digested - written)
      let excess = digested == run.byte_count ? 0 : end % Self.pieceByteCount
      guard end - excess > position else { continue }
      let part = end - excess - position
      try put(from: start + written, byteCount: part)
      written += part
      writeAhead.didWrite(upTo: position)
    }
  }

  /// Copies a piece to `bounce`; what can't be read becomes zero.
  private func copied(from source: Address, byteCount: UInt64) throws(Errno) -> Address {
    var done: UInt64 = 0
    while done < byteCount {
      let count =
        (try? Memory.readTolerantly(
          from: source + done, to: bounce + done, byteCount: byteCount - done)) ?? 0
      if count == 0 {
        let page = min(pageByteCount - done % pageByteCount, byteCount - done)
        Memory.zero(AddressRange(start: bounce + done, byteCount: page) ?? .empty)
        done += page
      }
      done += count
    }
    return bounce
  }

  private mutating func put(_ extent: ckpt_extent, from source: ExtentSource) throws(Errno) {
    var done: UInt64 = 0
    while done < extent.byte_count {
      let count = min(Self.pieceByteCount, extent.byte_count - done)
      if source.memory == .zero {
        try fillBounce(from: source.descriptor, at: source.offset + done, byteCount: count)
      } else {
        _ = try copied(from: source.memory + done, byteCount: count)
      }
      try putPiece(at: bounce, byteCount: count)
      done += count
    }
    try pad(to: roundedUpToPage(position))
  }

  /// Reads a piece of a file; if the file has become shorter, the rest is zero.
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

  private mutating func putPiece(at address: Address, byteCount: UInt64) throws(Errno) {
    try addDigest(of: address, byteCount: byteCount)
    try put(from: address, byteCount: byteCount)
    writeAhead.didWrite(upTo: position)
  }

  private mutating func addDigest(of address: Address, byteCount: UInt64) throws(Errno) {
    guard digestCount < digestCapacity else { throw .outOfRange }
    Memory.store(
      XXH3.digest(Memory.bytes(at: address, count: Int(byteCount))),
      at: section + ImageEnd.digestHeaderByteCount + UInt64(digestCount * 8))
    digestCount += 1
  }

  private mutating func put(from address: Address, byteCount: UInt64) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      let count = try retryingInterrupts { () throws(Errno) in
        try systemCall(
          SyscallNumber.write, Int(descriptor), (address + done).argument, Int(byteCount - done))
      }
      guard count > 0 else { throw .inputOutput }
      done += UInt64(count)
      position += UInt64(count)
    }
  }

  private mutating func pad(to end: UInt64) throws(Errno) {
    guard position < end else { return }
    let count = end - position
    Memory.zero(AddressRange(start: bounce, byteCount: count) ?? .empty)
    try put(from: bounce, byteCount: count)
  }

  // MARK: Tail

  private mutating func putTail(_ survey: Survey, _ head: ImageHead) throws(Errno) {
    guard position == head.end.digestsOffset, digestCount == digestCapacity else {
      throw .outOfRange
    }
    var header = ckpt_digest_header()
    header.magic = UInt64(CKPT_DIGEST_MAGIC)
    header.identity_low = survey.image.identity_low
    header.identity_high = survey.image.identity_high
    header.head_bytes = head.bytes.byteCount
    header.head_digest = XXH3.digest(
      Memory.bytes(at: head.bytes.start, count: Int(head.bytes.byteCount)))
    header.piece_bytes = Self.pieceByteCount
    header.count = UInt64(digestCount)
    Memory.store(header, at: section)
    header.table_digest = XXH3.digest(
      Memory.bytes(at: section, count: Int(head.end.digestsByteCount)))
    Memory.store(header, at: section)
    try put(from: section, byteCount: head.end.digestsByteCount)
    Memory.zero(AddressRange(start: bounce, byteCount: pageByteCount) ?? .empty)
    var tail = HeadWriter(at: bounce)
    head.putEnd(into: &tail)
    try put(from: bounce, byteCount: tail.offset)
  }
}
