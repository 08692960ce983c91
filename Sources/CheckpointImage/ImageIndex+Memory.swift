internal import CImage
internal import KernelABI

/// Where the addresses of a program end: 47 bits, what Linux gives to who doesn't ask for more.
///
/// Source: `Documentation/arch/x86/x86_64/mm.rst`.
let userAddressEnd: UInt64 = 1 << 47

/// Where x86-64 has its one vsyscall page, the only address of a program above that.
private let vsyscallStart: UInt64 = 0xffff_ffff_ff60_0000

extension ImageIndex {
  /// Checks regions, runs, objects and extents, and so finds the end of the data.
  ///
  /// How many pieces there are says where the digests begin, and that where the data may lie: so
  /// places are checked when all pieces are counted.
  mutating func checkMemory(_ head: RawSpan) throws(ImageError) {
    try checkRegions(head)
    try checkObjects(head)
    try findEnd(head)
    try checkPlaces(head)
    try checkSegments(head)
  }

  /// Counts the pieces of a run or an extent.
  ///
  /// - Returns: `false` when there can't be such a file.
  mutating func addPieces(of byteCount: UInt64) -> Bool {
    pieceCount += Pieces.count(of: byteCount)
    return pieceCount < 1 << 58
  }

  // MARK: Regions and runs

  private mutating func checkRegions(_ head: RawSpan) throws(ImageError) {
    let regions = ImageRecords<ckpt_region>(self.regions, in: head)
    var previousEnd: UInt64 = 0
    var nextRun = 0
    for index in 0..<regions.count {
      let region = regions[index]
      let place = regions.offset(of: index)
      try check(region, after: previousEnd, at: place)
      try check(region.path, at: place)
      previousEnd = region.end
      guard region.run_count > 0 else { continue }
      try require(
        region.first_run == UInt64(nextRun)
          && region.run_count <= UInt64(runs.count - nextRun),
        .badRegionRuns, at: place, region.first_run)
      try checkRuns(of: region, UInt32(truncatingIfNeeded: index), head)
      nextRun += Int(region.run_count)
    }
    try require(
      nextRun == runs.count, .strayRuns, at: UInt64(runs.offset), UInt64(runs.count))
  }

  private func check(
    _ region: ckpt_region, after previousEnd: UInt64, at place: UInt64
  ) throws(ImageError) {
    try require(
      region.kind >= CKPT_REGION_ANONYMOUS && region.kind <= CKPT_REGION_VSYSCALL,
      .badRegionKind, at: place, UInt64(region.kind))
    try require(
      region.start < region.end && (region.start | region.end) % pageByteCount == 0
        && ImageIndex.isPossible(region), .badRegionRange, at: place, region.start)
    try require(region.start >= previousEnd, .regionsOutOfOrder, at: place, region.start)
    try require(
      region.protection <= 7, .badRegionProtection, at: place, UInt64(region.protection))
    try require(
      region.object == CKPT_NONE
        ? region.kind != CKPT_REGION_SHARED : region.object < UInt32(objects.count),
      .badRegionObject, at: place, UInt64(region.object))
    let isShown = region.kind >= CKPT_REGION_PRIVATE_FILE && region.kind <= CKPT_REGION_SHARED_FILE
    if isShown || region.object != CKPT_NONE {
      try require(
        region.file_offset % pageByteCount == 0 && region.file_offset < 1 << 62,
        .badRegionOffset, at: place, region.file_offset)
    }
    try ImageIndex.checkHugePages(region, at: place)
  }

  private static func isPossible(_ region: ckpt_region) -> Bool {
    if region.kind == CKPT_REGION_VSYSCALL {
      return region.start == vsyscallStart && region.end == vsyscallStart + pageByteCount
    }
    return region.end <= userAddressEnd
  }

  private static func checkHugePages(
    _ region: ckpt_region, at place: UInt64
  ) throws(ImageError) {
    let byteCount = region.huge_page_bytes
    guard byteCount != 0 || region.flags & CKPT_REGION_HUGE_TLB != 0 else { return }
    try require(
      byteCount >= pageByteCount && byteCount & (byteCount - 1) == 0, .badHugePageSize, at: place,
      byteCount)
    guard region.flags & CKPT_REGION_HUGE_TLB != 0 else { return }
    try require(
      (region.start | region.end) % byteCount == 0, .badHugePageSize, at: place, byteCount)
  }

  private mutating func checkRuns(
    of region: ckpt_region, _ index: UInt32, _ head: RawSpan
  ) throws(ImageError) {
    let runs = ImageRecords<ckpt_run>(self.runs, in: head)
    var previousEnd = region.start
    let first = Int(region.first_run)
    for position in first..<(first + Int(region.run_count)) {
      let run = runs[position]
      let place = runs.offset(of: position)
      try require(run.region == index, .badRunRegion, at: place, UInt64(run.region))
      try require(
        run.byte_count > 0 && (run.address | run.byte_count) % pageByteCount == 0
          && run.address >= region.start && run.address < region.end
          && run.byte_count <= region.end - run.address, .badRunRange, at: place, run.address)
      try require(run.address >= previousEnd, .runsOutOfOrder, at: place, run.address)
      previousEnd = run.address + run.byte_count
      try checkKind(of: run, in: region, head, at: place)
      guard run.hasDigests else { continue }
      try require(addPieces(of: run.byte_count), .badRunRange, at: place, run.byte_count)
    }
  }

  private func checkKind(
    of run: ckpt_run, in region: ckpt_region, _ head: RawSpan, at place: UInt64
  ) throws(ImageError) {
    let isPossible =
      switch run.kind {
      case CKPT_RUN_HERE, CKPT_RUN_ZERO, CKPT_RUN_GUARD: true
      case CKPT_RUN_PARENT:
        parent != .absent
          && (region.kind == CKPT_REGION_ANONYMOUS || region.kind == CKPT_REGION_PRIVATE_FILE)
      case CKPT_RUN_FILE:
        region.kind == CKPT_REGION_PRIVATE_FILE || region.kind == CKPT_REGION_SHARED_FILE
      case CKPT_RUN_OBJECT: region.object != CKPT_NONE
      default: false
      }
    try require(isPossible, .badRunKind, at: place, UInt64(run.kind))
  }

  // MARK: Places

  /// Checks that all data lies between the head and the digests, and at page boundaries.
  ///
  /// In no order, and perhaps with gaps: whoever writes while the program runs writes some pages
  /// twice.
  private func checkPlaces(_ head: RawSpan) throws(ImageError) {
    let runs = ImageRecords<ckpt_run>(self.runs, in: head)
    let regions = ImageRecords<ckpt_region>(self.regions, in: head)
    for index in 0..<runs.count {
      let run = runs[index]
      let isRight: Bool
      switch run.kind {
      case CKPT_RUN_HERE: isRight = isInData(run.file_offset, run.byte_count)
      case CKPT_RUN_FILE:
        let region = regions[Int(run.region)]
        isRight = run.file_offset == region.file_offset + (run.address - region.start)
      default: continue
      }
      try require(isRight, .badRunPlace, at: runs.offset(of: index), run.file_offset)
    }
    let extents = ImageRecords<ckpt_extent>(self.extents, in: head)
    for index in 0..<extents.count {
      let extent = extents[index]
      try require(
        isInData(extent.file_offset, extent.byte_count), .badExtentPlace,
        at: extents.offset(of: index), extent.file_offset)
    }
  }

  private func isInData(_ offset: UInt64, _ byteCount: UInt64) -> Bool {
    offset % pageByteCount == 0 && offset >= headByteCount && offset < digestsOffset
      && byteCount <= digestsOffset - offset
  }
}
