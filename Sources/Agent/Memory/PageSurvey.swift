internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Finds which pages of the regions hold something, and lists them as runs.
///
/// Never-touched pages and pages of zeros take no run. Stopped-world safe.
struct PageSurvey: ~Copyable {
  private var resources: PageWalk.Resources

  /// Appends the runs of every region to `draft.runs`, in address order.
  ///
  /// Shared regions must have their objects by now.
  static func run(_ draft: inout ImageDraft) throws(CaptureFailure) {
    let mark = draft.scratch.next
    var pages = PageSurvey(
      resources: try during(.scanPages) { () throws(Errno) in
        try PageWalk.Resources(in: &draft.scratch)
      })
    for index in 0..<draft.regions.count {
      let start = draft.regions[index].start
      try during(.scanPages, on: start) { () throws(Errno) in
        try pages.add(region: index, to: &draft)
      }
    }
    // The draft's tables lie before the walk's buffer.
    draft.scratch.rewind(to: mark)
  }

  private mutating func add(region index: Int, to draft: inout ImageDraft) throws(Errno) {
    var region = draft.regions[index]
    region.first_run = UInt64(draft.runs.count)
    if draft.staging?.wiped.covers(region.range) == true {
      region.flags &= ~CKPT_REGION_WIPE_ON_FORK
      try addStaged(region, index, &draft)
    } else {
      switch region.kind {
      case CKPT_REGION_ANONYMOUS where region.flags & CKPT_REGION_WIPE_ON_FORK == 0:
        try addTouched(region, index, &draft)
      case CKPT_REGION_ANONYMOUS: try addGuards(region, index, &draft)
      case CKPT_REGION_PRIVATE_FILE:
        try addAll(region, index, &draft)
      case CKPT_REGION_VDSO:
        try add(region.range, Manner(flags: CKPT_RUN_CLEAN), index, &draft)
      default:
        if region.object != CKPT_NONE { try addObject(region, index, &draft) }
      }
    }
    region.run_count = UInt64(draft.runs.count) - region.first_run
    draft.regions[index] = region
  }

  /// Anonymous memory: what was touched.
  private mutating func addTouched(
    _ region: ckpt_region, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    let readable = try Readable(region)
    var walk = PageWalk(over: region.range)
    var changes = draft.tracked?.changes(in: region.range)
    let manner = Manner(compares: draft.chain != nil && changes == nil)
    while let pages = try walk.next(&resources) {
      if pages.isGuard {
        if changes != nil { draft.metGuards = true }
        try append(pages.range, kind: CKPT_RUN_GUARD, flags: 0, index, &draft)
      } else if pages.isZeroPage {
        continue
      } else if changes != nil {
        try addChanged(pages.range, &changes, index, &draft)
      } else {
        try add(pages.range, manner, index, &draft)
      }
    }
    _ = consume readable
  }

  /// Memory that a child finds empty: only its guard pages, which a clone does not have either.
  ///
  /// So a clone asks for those of the program, which goes on meanwhile.
  private mutating func addGuards(
    _ region: ckpt_region, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    guard region.flags & CKPT_REGION_ARENA == 0 else { return }
    guard draft.isInClone else { return try Self.addGuards(region, index, &resources, &draft) }
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    let leader = draft.threads[draft.root.leader].tid
    var other = try PageWalk.Resources(in: &draft.scratch, of: leader)
    try Self.addGuards(region, index, &other, &draft)
  }

  private static func addGuards(
    _ region: ckpt_region, _ index: Int, _ resources: inout PageWalk.Resources,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    var walk = PageWalk(over: region.range)
    while let pages = try walk.next(&resources) {
      guard pages.isGuard else { continue }
      try draft.runs.append(
        ckpt_run(
          address: pages.range.start.rawValue, byte_count: pages.range.byteCount, file_offset: 0,
          kind: CKPT_RUN_GUARD, flags: 0, region: UInt32(index), reserved: 0))
    }
  }

  /// Pages that are there: those that were written since the parent image, and those that it has.
  private mutating func addChanged(
    _ range: AddressRange, _ changes: inout Tracked.Changes?, _ index: Int,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    var position = range.start
    while position < range.end, let part = changes?.next(from: position, to: range.end) {
      if part.isChanged {
        try add(part.range, Manner(), index, &draft)
      } else {
        try addUnchanged(part.range, index, &draft)
      }
      position = part.range.end
    }
  }

  /// Pages that are what they were: in the parent image, or when a precopy process copied them.
  private func addUnchanged(
    _ range: AddressRange, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    var rest: AddressRange? = range
    while let range = rest, !range.isEmpty {
      let part = Exclusions.list.part(of: range)
      if !part.isExcluded,
        let wanted = AddressRange(start: range.start.rawValue, end: part.end.rawValue)
      {
        try addUnchangedWorthSaving(wanted, index, &draft)
      }
      rest = AddressRange(start: part.end.rawValue, end: range.end.rawValue)
    }
  }

  private func addUnchangedWorthSaving(
    _ range: AddressRange, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    guard let share = draft.copied?.share else {
      return try append(range, kind: CKPT_RUN_PARENT, flags: 0, index, &draft)
    }
    guard let first = share.page(at: range.start) else { throw .badAddress }
    var page: UInt64 = 0
    while page < range.byteCount / pageByteCount {
      if let holder = share.holder(of: first + page),
        let bytes = AddressRange(
          start: range.start + page * pageByteCount, byteCount: pageByteCount)
      {
        try append(
          bytes, kind: CKPT_RUN_HERE, flags: 0, placedAt: share.offset(of: holder), index, &draft)
      }
      page += 1
    }
  }

  /// A region of which only what was written lies in the clone's memory, and elsewhere.
  private mutating func addStaged(
    _ region: ckpt_region, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    guard var changes = draft.tracked?.changes(in: region.range), let staging = draft.staging
    else { throw .badAddress }
    var position = region.range.start
    while position < region.range.end {
      let part = changes.next(from: position, to: region.range.end)
      if !part.isChanged {
        try addUnchanged(part.range, index, &draft)
      } else if let place = staging.place(of: part.range) {
        try add(part.range, at: place, Manner(), index, &draft)
      }
      position = part.range.end
    }
  }

  /// A private mapping of a file: what was written, and what the file has.
  ///
  /// Nothing is taken from the file at restart, so its own bytes are saved too; but for a thin image,
  /// where the file is still the same.
  private mutating func addAll(
    _ region: ckpt_region, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    let readable = try Readable(region)
    let end = endOfFile(in: region.range)
    var clean = Manner(flags: CKPT_RUN_CLEAN, compares: draft.chain != nil)
    clean.isInFile = draft.isThin && isStillThere(region, draft)
    var done = region.range.start
    var walk = PageWalk(over: region.range)
    while let pages = try walk.next(&resources) {
      try addBetween(done, min(pages.range.start, end), clean, index, &draft)
      if pages.isGuard {
        try append(pages.range, kind: CKPT_RUN_GUARD, flags: 0, index, &draft)
      } else if pages.isFile {
        try add(pages.range, clean, index, &draft)
      } else {
        // Zeros that the process wrote are not what the file has there.
        try add(
          pages.range, Manner(namesZeros: true, compares: draft.chain != nil), index, &draft)
      }
      done = pages.range.end
    }
    try addBetween(done, end, clean, index, &draft)
    _ = consume readable
  }

  private mutating func addBetween(
    _ start: Address, _ end: Address, _ manner: Manner, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    guard start < end, let range = AddressRange(start: start.rawValue, end: end.rawValue) else {
      return
    }
    try add(range, manner, index, &draft)
  }

  /// Whether the path of a region leads to the very file that it shows.
  private func isStillThere(_ region: ckpt_region, _ draft: ImageDraft) -> Bool {
    var path = Line()
    path.append(
      at: draft.strings.base + UInt64(region.path.offset), count: Int(region.path.byte_count))
    guard path.count == Int(region.path.byte_count),
      let status = try? path.withPath({ (path) throws(Errno) in try FileStatus(path: path) })
    else { return false }
    return status.kind == .regular && status.inode == region.inode
      && status.device == region.device
  }

  /// Shared memory: the extents of its object, as far as the region shows them.
  ///
  /// `reserved` holds the extent's index until the layout knows the file offset.
  private func addObject(
    _ region: ckpt_region, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    let object = draft.objects[Int(region.object)]
    let first = Int(object.first_extent)
    for number in first..<first + Int(object.extent_count) {
      let extent = draft.extents[number]
      let start = max(extent.offset, region.file_offset)
      let end = min(
        roundedUpToPage(extent.offset + extent.byte_count),
        region.file_offset + (region.end - region.start))
      guard start < end else { continue }
      try draft.runs.append(
        ckpt_run(
          address: region.start + (start - region.file_offset), byte_count: end - start,
          file_offset: 0, kind: CKPT_RUN_OBJECT, flags: 0, region: UInt32(index),
          reserved: UInt32(number)))
    }
  }

  /// The first page of the range that lies behind the end of its file, or the range's end.
  ///
  /// Touching such a page is SIGBUS; process_vm_readv(2) only fails on it.
  private func endOfFile(in range: AddressRange) -> Address {
    guard !Memory.canRead(range.end - pageByteCount) else { return range.end }
    var low = range.start
    var high = range.end - pageByteCount
    while low < high {
      let middle = (low + (high - low) / 2).roundedDownToPage
      if Memory.canRead(middle) { low = middle + pageByteCount } else { high = middle }
    }
    return low
  }

  /// What to make of pages that are read.
  private struct Manner {
    var flags: UInt32 = 0

    /// Whether pages of zeros take a run that says so.
    var namesZeros = false

    /// Whether to look if the parent image has the same.
    var compares = false

    /// Whether the bytes are left to the region's file.
    var isInFile = false
  }

  private mutating func add(
    _ range: AddressRange, _ manner: Manner, _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    try add(range, at: range.start, manner, index, &draft)
  }

  /// Appends runs for the pages of a range, but for those of zeros.
  ///
  /// - Parameter place: where its bytes lie.
  private mutating func add(
    _ range: AddressRange, at place: Address, _ manner: Manner, _ index: Int,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    guard Exclusions.list.count > 0 else {
      return try addWorthSaving(range, at: place, manner, index, &draft)
    }
    let first = range.start
    var rest: AddressRange? = range
    while let range = rest, !range.isEmpty {
      let part = Exclusions.list.part(of: range)
      if part.isExcluded {
        // What a region's file has there is no zero either.
        let isFile = manner.namesZeros || manner.flags & CKPT_RUN_CLEAN != 0
        try append(range.start, part.end, isFile ? CKPT_RUN_ZERO : nil, manner, index, &draft)
      } else if let wanted = AddressRange(start: range.start.rawValue, end: part.end.rawValue) {
        try addWorthSaving(
          wanted, at: place + (range.start - first), manner, index, &draft)
      }
      rest = AddressRange(start: part.end.rawValue, end: range.end.rawValue)
    }
  }

  /// The same for a range of which nothing is excluded.
  private mutating func addWorthSaving(
    _ range: AddressRange, at place: Address, _ manner: Manner, _ index: Int,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    var start = range.start
    var last: UInt32?
    var page = range.start
    while page < range.end {
      let bytes = place + (page - range.start)
      let kind = kind(of: page, at: bytes, manner, &draft)
      if kind != last {
        try append(start, page, last, manner, index, &draft)
        start = page
        last = kind
      }
      page = page + pageByteCount
    }
    try append(start, range.end, last, manner, index, &draft)
  }

  /// - Returns: `nil` for a page that takes no run.
  @inline(__always)
  private func kind(
    of page: Address, at bytes: Address, _ manner: Manner, _ draft: inout ImageDraft
  ) -> UInt32? {
    if Memory.isZeroPage(at: bytes) { return manner.namesZeros ? CKPT_RUN_ZERO : nil }
    if manner.isInFile { return CKPT_RUN_FILE }
    guard manner.compares, let known = draft.chain?.digest(at: page) else {
      return CKPT_RUN_HERE
    }
    let digest = XXH3.digest(Memory.bytes(at: bytes, count: Int(pageByteCount)))
    return digest == known ? CKPT_RUN_PARENT : CKPT_RUN_HERE
  }

  private func append(
    _ start: Address, _ end: Address, _ kind: UInt32?, _ manner: Manner, _ index: Int,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    guard let kind, start < end,
      let range = AddressRange(start: start.rawValue, end: end.rawValue)
    else { return }
    guard kind == CKPT_RUN_HERE, let share = draft.copied?.share,
      let first = share.page(at: start), share.page(at: end - pageByteCount) != nil,
      !draft.endsPrecopyStream
    else { return try append(range, kind: kind, flags: manner.flags, index, &draft) }
    // Written again to where the precopy process had put it.
    for page in 0..<range.byteCount / pageByteCount {
      let place = share.place(of: first + page).map { share.offset(of: $0) }
      try append(
        AddressRange(start: start + page * pageByteCount, byteCount: pageByteCount) ?? .empty,
        kind: kind, flags: manner.flags, placedAt: place, index, &draft)
    }
  }

  /// Appends a run, or lets the last one grow when the two are alike and adjoin.
  ///
  /// - Parameter place: where in the file its bytes have their place already.
  private func append(
    _ range: AddressRange, kind: UInt32, flags: UInt32, placedAt place: UInt64? = nil,
    _ index: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    let isPlaced: UInt32 = place == nil ? 0 : 1
    let last = draft.runs.count - 1
    if last >= 0 {
      var run = draft.runs[last]
      if run.region == UInt32(index), run.kind == kind, run.flags == flags,
        run.range.end == range.start, run.reserved == isPlaced,
        place == nil || run.file_offset + run.byte_count == place
      {
        run.byte_count += range.byteCount
        draft.runs[last] = run
        return
      }
    }
    let region = draft.regions[index]
    let inFile =
      kind == CKPT_RUN_FILE ? region.file_offset + (range.start.rawValue - region.start) : 0
    try draft.runs.append(
      ckpt_run(
        address: range.start.rawValue, byte_count: range.byteCount, file_offset: place ?? inFile,
        kind: kind, flags: flags, region: UInt32(index), reserved: isPlaced))
  }
}
