internal import CImage
internal import Kernel
internal import KernelABI

/// Finds which pages of the regions hold something, and lists them as runs.
///
/// Never-touched pages and pages of zeros take no run. Stopped-world safe.
struct PageSurvey: ~Copyable {
  private var resources: PageWalk.Resources

  /// Appends the runs of every region to `survey.runs`, in address order.
  ///
  /// Shared regions must have their objects by now.
  static func run(_ survey: inout Survey) throws(CaptureFailure) {
    let mark = survey.scratch.next
    var pages = PageSurvey(
      resources: try during(.scanPages) { () throws(Errno) in
        try PageWalk.Resources(in: &survey.scratch)
      })
    for index in 0..<survey.regions.count {
      let start = survey.regions[index].start
      try during(.scanPages, on: start) { () throws(Errno) in
        try pages.add(region: index, to: &survey)
      }
    }
    // The survey's tables lie before the walk's buffer.
    survey.scratch.rewind(to: mark)
  }

  private mutating func add(region index: Int, to survey: inout Survey) throws(Errno) {
    var region = survey.regions[index]
    region.first_run = UInt64(survey.runs.count)
    switch region.kind {
    case CKPT_REGION_ANONYMOUS where region.flags & CKPT_REGION_WIPE_ON_FORK == 0:
      try addTouched(region, index, &survey)
    case CKPT_REGION_PRIVATE_FILE:
      try addAll(region, index, &survey)
    case CKPT_REGION_VDSO:
      try addNonZero(region.range, flags: CKPT_RUN_CLEAN, index, &survey)
    default:
      if region.object != CKPT_NONE { try addObject(region, index, &survey) }
    }
    region.run_count = UInt64(survey.runs.count) - region.first_run
    survey.regions[index] = region
  }

  /// Anonymous memory: what was touched.
  private mutating func addTouched(
    _ region: ckpt_region, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    let readable = try Readable(region)
    var walk = PageWalk(over: region.range)
    while let pages = try walk.next(&resources) {
      if pages.isGuard {
        try append(pages.range, kind: CKPT_RUN_GUARD, flags: 0, index, &survey)
      } else if !pages.isZeroPage {
        try addNonZero(pages.range, flags: 0, index, &survey)
      }
    }
    _ = consume readable
  }

  /// A private mapping of a file: what was written, and what the file has.
  ///
  /// Nothing is taken from the file at restart, so its own bytes are saved too.
  private mutating func addAll(
    _ region: ckpt_region, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    let readable = try Readable(region)
    let end = endOfFile(in: region.range)
    var done = region.range.start
    var walk = PageWalk(over: region.range)
    while let pages = try walk.next(&resources) {
      try addClean(from: done, to: min(pages.range.start, end), index, &survey)
      if pages.isGuard {
        try append(pages.range, kind: CKPT_RUN_GUARD, flags: 0, index, &survey)
      } else {
        // Zeros that the process wrote are not what the file has there.
        try addNonZero(
          pages.range, flags: pages.isFile ? CKPT_RUN_CLEAN : 0, namesZeros: !pages.isFile, index,
          &survey)
      }
      done = pages.range.end
    }
    try addClean(from: done, to: end, index, &survey)
    _ = consume readable
  }

  private func addClean(
    from start: Address, to end: Address, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    guard start < end, let range = AddressRange(start: start.rawValue, end: end.rawValue) else {
      return
    }
    try addNonZero(range, flags: CKPT_RUN_CLEAN, index, &survey)
  }

  /// Shared memory: the extents of its object, as far as the region shows them.
  ///
  /// `reserved` holds the extent's index until the layout knows the file offset.
  private func addObject(
    _ region: ckpt_region, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    let object = survey.objects[Int(region.object)]
    let first = Int(object.first_extent)
    for number in first..<first + Int(object.extent_count) {
      let extent = survey.extents[number]
      let start = max(extent.offset, region.file_offset)
      let end = min(
        roundedUpToPage(extent.offset + extent.byte_count),
        region.file_offset + (region.end - region.start))
      guard start < end else { continue }
      try survey.runs.append(
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

  /// Appends the range without its pages of zeros, or with runs that say so.
  private func addNonZero(
    _ range: AddressRange, flags: UInt32, namesZeros: Bool = false, _ index: Int,
    _ survey: inout Survey
  ) throws(Errno) {
    var start: Address?
    var page = range.start
    while page < range.end {
      if Memory.isZeroPage(at: page) {
        if let first = start {
          try append(first, page, flags, index, &survey)
          start = nil
        }
        if namesZeros, let zeros = AddressRange(start: page, byteCount: pageByteCount) {
          try append(zeros, kind: CKPT_RUN_ZERO, flags: flags, index, &survey)
        }
      } else if start == nil {
        start = page
      }
      page = page + pageByteCount
    }
    if let first = start { try append(first, range.end, flags, index, &survey) }
  }

  private func append(
    _ start: Address, _ end: Address, _ flags: UInt32, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    try append(
      AddressRange(start: start.rawValue, end: end.rawValue) ?? .empty, kind: CKPT_RUN_HERE,
      flags: flags, index, &survey)
  }

  /// Appends a run, or lets the last one grow when the two are alike and adjoin.
  private func append(
    _ range: AddressRange, kind: UInt32, flags: UInt32, _ index: Int, _ survey: inout Survey
  ) throws(Errno) {
    let last = survey.runs.count - 1
    if last >= 0 {
      var run = survey.runs[last]
      if run.region == UInt32(index), run.kind == kind, run.flags == flags,
        run.range.end == range.start
      {
        run.byte_count += range.byteCount
        survey.runs[last] = run
        return
      }
    }
    try survey.runs.append(
      ckpt_run(
        address: range.start.rawValue, byte_count: range.byteCount, file_offset: 0, kind: kind,
        flags: flags, region: UInt32(index), reserved: 0))
  }
}
