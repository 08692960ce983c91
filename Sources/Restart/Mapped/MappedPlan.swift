internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Decides which memory shows the image until all of it was read: what a lazy restart does where
/// nobody may make the kernel wait for memory.
struct MappedPlan: BitwiseCopyable {
  let work: RestoreArena
  let layout: LazyLayout
  private(set) var regions: Table<MappedRegion>

  /// The image is read when somebody has to wait for that, not before.
  let waitsForNeed: Bool

  /// A descriptor of /proc/self/pagemap, which a program may close to itself later on.
  let pageMap: Int32

  /// Bytes that the runs of a region must have on average: each is a mapping of its own.
  private static let runByteCount: UInt64 = 64 << 10

  /// Mappings that are worth it: each takes a few microseconds.
  private static let mappingLimit = 1024

  /// - Returns: `nil` when all is to be read at once after all; that is said on `notes`.
  init?(_ work: RestoreArena, _ laziness: RestartOptions.Laziness, notes: Int32) {
    guard let layout = work.lazy else { return nil }
    waitsForNeed = laziness.isTouched
    self.work = work
    self.layout = layout
    regions = layout.mapped.regions
    if let why = Self.obstacle(work) {
      Self.note(notes, why)
      return nil
    }
    do throws(Errno) {
      pageMap = try FileDescriptor("/proc/self/pagemap", .readOnly).relinquish()
      _ = try PageScan.next(
        pageMap, layout.whole, wanted: PageScan.present, returned: PageScan.present,
        into: layout.mapped.found.base, capacity: layout.mapped.found.capacity)
    } catch {
      Self.note(notes, "it takes Linux 6.7 and /proc", error)
      return nil
    }
  }

  static func note(_ notes: Int32, _ why: StaticString, _ error: Errno = Errno.none) {
    guard notes >= 0 else { return }
    var line = Line("restart: note: all memory is read first: ")
    line.append(why)
    if error.rawValue != 0 {
      line.append(" (")
      line.append(error)
      line.append(")")
    }
    line.append("\n")
    line.write(to: notes)
  }

  /// Why it can't be.
  private static func obstacle(_ work: RestoreArena) -> StaticString? {
    let image = work.image
    for index in 0..<image.threads.count
    where image.threads[index].flags & CKPT_THREAD_EXITED != 0 {
      return "its main thread has ended"
    }
    // RLIMIT_DATA, RLIMIT_AS.
    if isLimited(2, image) || isLimited(9, image) {
      return "its address space is limited, and for a while it takes twice as much"
    }
    return nil
  }

  private static func isLimited(_ resource: Int, _ image: LoadedImage) -> Bool {
    if resource < image.limits.count, image.limits[resource].current != UInt64.max { return true }
    let own = try? ResourceLimit(resource)
    return own?.current != UInt64.max
  }

  // MARK: Choosing

  /// Chooses regions, and makes room for each beside the program.
  mutating func choose() throws(Errno) {
    var count = 0
    // Far from what the program has, and behind the restore arena.
    var next = (work.range.end.rawValue + (1 << 30)) & ~(HugePages.size - 1)
    for index in 0..<work.image.regions.count where isWorthwhile(index) {
      let spans = work.image.spans(of: index)
      guard count + spans.count <= Self.mappingLimit else { continue }
      count += spans.count
      let place = work.image.regions[index].range
      let spare = try reserve(index, place, &next)
      try regions.append(MappedRegion(index: index, place: place, spare: spare))
      layout.isLazy[index] = 1
    }
  }

  private func isWorthwhile(_ index: Int) -> Bool {
    let region = work.image.regions[index]
    guard LazyPlan.isWorthwhile(index, work), !region.has(CKPT_REGION_WIPE_ON_FORK),
      region.protection_key == 0
    else { return false }
    let spans = work.image.spans(of: index)
    var byteCount: UInt64 = 0
    for number in spans {
      let span = work.image.spans[number]
      guard span.source != Span.zeros,
        (work.image.sources[Int(span.source)].start + span.fileOffset) % pageByteCount == 0,
        span.byteCount % pageByteCount == 0
      else { return false }
      byteCount += span.byteCount
    }
    return byteCount / UInt64(spans.count) >= Self.runByteCount
  }

  /// Maps memory like that of a region, with the same distance to a huge page's start.
  private func reserve(
    _ index: Int, _ place: AddressRange, _ next: inout UInt64
  ) throws(Errno) -> Address {
    let gap = HugePages.size
    while true {
      let start = Address(next + place.start.rawValue % gap)
      next = (start.rawValue + place.byteCount + 2 * gap) & ~(gap - 1)
      guard next < FreeSpace.end.rawValue else { throw .outOfMemory }
      do throws(Errno) {
        return try Mapping.map(
          at: start, byteCount: place.byteCount, .read | .write,
          work.image.regions[index].anonymousFlags | .fixedNoReplace)
      } catch {
        guard error == .exists else { throw error }
      }
    }
  }

  // MARK: Doing

  /// Puts mappings of the image where its runs belong.
  func mapRuns() throws(Errno) {
    for number in 0..<regions.count {
      let index = regions[number].index
      var flags = MapFlags.private | .fixed
      if work.image.regions[index].has(CKPT_REGION_NO_RESERVE) { flags = flags | .noReserve }
      for run in work.image.spans(of: index) {
        let span = work.image.spans[run]
        let source = work.image.sources[Int(span.source)]
        try Mapping.map(
          at: span.address, byteCount: span.byteCount, .read | .write, flags,
          descriptor: source.descriptor, offset: source.start + span.fileOffset)
      }
    }
  }

  /// Undoes what was done: everything is read at once.
  func abandon() {
    for number in 0..<regions.count {
      let region = regions[number]
      _ = try? Mapping.map(
        at: region.place.start, byteCount: region.place.byteCount, .read | .write,
        work.image.regions[region.index].anonymousFlags | .fixed)
      try? Mapping.unmap(region.spare(for: region.place))
      layout.isLazy[region.index] = 0
    }
    closeDescriptor(pageMap)
  }

  /// The image with its memory where it is made.
  func besideProgram() throws(Errno) -> RestoreArena {
    var spans = layout.spans
    for number in 0..<regions.count {
      let region = regions[number]
      for index in work.image.spans(of: region.index) {
        var span = work.image.spans[index]
        span.address = region.spare + (span.address - region.place.start)
        try spans.append(span)
      }
    }
    var beside = work
    beside.isLate = true
    beside.image.spans = spans
    return beside
  }
}

extension ckpt_region {
  /// How a private anonymous region is mapped.
  var anonymousFlags: MapFlags {
    has(CKPT_REGION_NO_RESERVE)
      ? .private | .anonymous | .noReserve : .private | .anonymous
  }
}
