internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// Images of which most is written before the program stops.
///
/// Two visits: the first, a short one, makes a precopy process that copies; it asks for the second when
/// little is left, and that one is a checkpoint like any other, but for pages that lie in the
/// file already.
enum Precopy {
  /// What is remembered between the two.
  struct State: BitwiseCopyable {
    var shareStart: UInt64 = 0
    var shareByteCount: UInt64 = 0

    /// `AgentState.inclusions` when the precopy process was made: it leaves out what is excluded.
    var inclusions: UInt32 = 0

    /// Whether the precopy process copies to a stream: only who asked for that takes it over.
    var isStream = false

    /// Whether the last precopy process gave up: the next image is made without.
    var gaveUp = false

    var share: PrecopyShare? {
      guard shareByteCount > 0 else { return nil }
      return AddressRange(start: Address(shareStart), byteCount: shareByteCount).map {
        PrecopyShare(range: $0)
      }
    }
  }

  /// What a precopy process leaves to whoever finishes the image.
  struct Copied: BitwiseCopyable {
    var share: PrecopyShare
    var page: WriterStatus

    /// The precopy process, which has the file open.
    var process: Int32

    /// Lets the precopy process go.
    func release() { page.enter(.done) }
  }

  /// Memory below this is copied in the standstill as fast.
  private static let smallest: UInt64 = 4 << 20

  /// Whether to begin with a precopy process.
  static func isWanted(_ control: Control, _ draft: ImageDraft) -> Bool {
    let gaveUp = Agent.state.precopy.gaveUp
    Agent.state.precopy.gaveUp = false
    return control.options.precopies && !gaveUp && draft.page != nil && control.own.image < 0
  }

  /// Makes the precopy process; the program stands still.
  ///
  /// - Returns: why there can't be one; `nil`: it is at work.
  static func begin(
    _ draft: inout ImageDraft, _ control: Control, _ order: Trigger.Order
  ) -> Errno? {
    guard let page = draft.page else { return .outOfMemory }
    var share: PrecopyShare?
    do throws(Errno) {
      var wiped = try WipedRegions(in: &draft.scratch, capacity: PrecopyShare.regionCapacity)
      let regions = try choose(&draft, control, &wiped)
      share = regions
      try make(&draft, control, page, regions, &wiped)
    } catch {
      if let share { _ = try? Mapping.unmap(share.range) }
      Agent.state.precopy = State()
      return error
    }
    // Changes are now counted from what the precopy process copies.
    Lineage.end()
    if !control.isConnected, !order.isCall { page.pending.store(UInt32(bitPattern: order.signal)) }
    Agent.state.writerStatus = page.range.start.rawValue
    return nil
  }

  private static func choose(
    _ draft: inout ImageDraft, _ control: Control, _ wiped: inout WipedRegions
  ) throws(Errno) -> PrecopyShare {
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    guard let maps = try? RegionList.text(&draft.scratch) else { throw .outOfMemory }
    var regions = try Table<PrecopyShare.Region>(
      in: &draft.scratch, capacity: PrecopyShare.regionCapacity)
    var pageCount: UInt64 = 0
    var lines: UInt64 = 0
    var cursor = TextCursor(maps.bytes)
    while let entry = SmapsEntry(from: &cursor) {
      lines += 1
      guard WriteTracking.isWatchable(entry, maps, draft), regions.count < regions.capacity,
        entry.range.byteCount >= smallest
      else { continue }
      try regions.append(
        PrecopyShare.Region(
          start: entry.range.start.rawValue, end: entry.range.end.rawValue, firstPage: pageCount))
      try wiped.append(entry.range, number: regions.count)
      pageCount += entry.range.byteCount / pageByteCount
    }
    guard regions.count > 0 else { throw .noSuchFile }
    let share = try PrecopyShare.map(pageCount: pageCount)
    share.begun = Clock.monotonic
    for index in 0..<regions.count { _ = share.append(regions[index]) }
    // Room for the head: per thread two notes of a few KiB, per line of maps a few runs, and what
    // pages that lie scattered may need.
    let resident = try StatusText.number("RssAnon", &draft.scratch) ?? 0
    share.residentByteCount = min(resident << 10, pageCount * pageByteCount)
    var room =
      8 << 20 + UInt64(draft.threads.count) * 8192 + lines * 4096 + resident * 2
    // Nothing of it goes into a stream: enough for any head.
    if control.isStream { room += pageCount * 128 }
    share.dataStart = (room + 0xF_FFFF) & ~0xF_FFFF
    Agent.state.precopy = State(
      shareStart: share.range.start.rawValue, shareByteCount: share.range.byteCount,
      inclusions: Agent.state.inclusions, isStream: control.isStream)
    return share
  }

  private static func make(
    _ draft: inout ImageDraft, _ control: Control, _ page: WriterStatus, _ share: PrecopyShare,
    _ wiped: inout WipedRegions
  ) throws(Errno) {
    let known = TrackDescriptor.current
    let tracker: Int32
    if let known { tracker = known } else { tracker = try TrackDescriptor.open() }
    let memory = try FileDescriptor("/proc/thread-self/mem", .readOnly)
    let pagemap = try FileDescriptor("/proc/thread-self/pagemap", .readOnly)
    let path = try control.path(draft, &draft.scratch)
    register(share, by: tracker)
    try wiped.leaveOut(&draft.scratch)
    defer { wiped.bringBack() }
    let job = PrecopyProcess.Job(
      share: share, page: page, program: Process.ownID, memory: memory.number,
      pagemap: pagemap.number, tracker: tracker, isFirst: known == nil, scratch: draft.scratch,
      path: path, stream: control.isStream ? control.own.image : -1,
      patience: control.streamPatience)
    guard try Clone.makePrecopyProcess(job, control, &draft) else { throw .tryAgain }
    _ = try? Mapping.advise(share.range, Advice.dontFork)
  }

  /// Makes all of it protectable, while the regions are what the share says.
  ///
  /// To register a part of one would make two of it, and a program can't move (mremap(2)) what is two.
  /// What can't be registered, the precopy process leaves for the standstill.
  private static func register(_ share: PrecopyShare, by tracker: Int32) {
    for index in 0..<share.regionCount {
      let region = share[region: index]
      guard let range = AddressRange(start: region.start, end: region.end) else { continue }
      try? Userfaultfd.register(tracker, range)
    }
  }

  // MARK: The second visit

  /// Takes what the precopy process has copied, if it is ready.
  static func take(_ page: WriterStatus, _ control: Control) -> Bool {
    guard Agent.state.precopy.share != nil,
      Agent.state.precopy.isStream == control.endsPrecopyStream
    else { return false }
    return page.stageWord.exchange(
      WriterStatus.Stage.ready.rawValue, for: WriterStatus.Stage.taken.rawValue)
  }

  /// What was taken, `nil`: nothing.
  static var taken: Copied? {
    guard let share = Agent.state.precopy.share, Agent.state.writerStatus != 0 else { return nil }
    let page = WriterStatus(at: Agent.state.writerStatus)
    guard page.stage == .taken else { return nil }
    return Copied(share: share, page: page, process: page.process)
  }

  /// Finds what was written since the precopy process's last round.
  ///
  /// Whatever goes wrong here only makes more to be written.
  static func collect(_ draft: inout ImageDraft) {
    guard let copied = draft.copied else { return }
    do throws(Errno) {
      guard let tracker = TrackDescriptor.current,
        Agent.state.precopy.inclusions == Agent.state.inclusions
      else { throw .badDescriptor }
      var tracked = try Tracked(in: &draft.scratch)
      let mark = draft.scratch.next
      defer { draft.scratch.rewind(to: mark) }
      var scan = try TrackScan(tracker, &draft.scratch)
      guard let maps = try? RegionList.text(&draft.scratch) else { throw .outOfMemory }
      var cursor = TextCursor(maps.bytes)
      while let entry = SmapsEntry(from: &cursor) {
        guard WriteTracking.isWatchable(entry, maps, draft) else { continue }
        if copied.share.covers(entry.range) {
          _ = try scan.collect(entry.range, into: &tracked)
        } else if draft.isTracked {
          _ = scan.watch(entry.range, isFirst: false)
        }
      }
      draft.tracked = tracked
      _ = try? Mapping.advise(copied.share.range, Advice.doFork)
    } catch {
      copied.release()
      draft.copied = nil
    }
  }

  /// Lets go of what the program has of it.
  static func forget(_ copied: Copied?) {
    guard let copied else { return }
    _ = try? Mapping.unmap(copied.share.range)
    if Agent.state.writerStatus == copied.page.range.start.rawValue { Agent.state.writerStatus = 0 }
    // Where it is our child, it ends now.
    HelperProcess.reap(copied.process)
    _ = try? Mapping.unmap(copied.page.range)
    stopWatching()
    Agent.state.precopy = State()
  }

  /// The precopy process has ended without being asked.
  static func abandon() {
    guard let share = Agent.state.precopy.share else { return }
    _ = try? Mapping.unmap(share.range)
    stopWatching()
    Agent.state.precopy = State(gaveUp: !Agent.state.precopy.isStream)
  }

  /// Nothing that was copied to a stream is the parent of anything.
  private static func stopWatching() {
    if Agent.state.precopy.isStream { TrackDescriptor.close() }
  }
}
