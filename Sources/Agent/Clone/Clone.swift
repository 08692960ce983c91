internal import Kernel
internal import KernelABI

/// A copy of the process that writes the image while the program goes on.
///
/// The kernel copies page tables, not pages: a page is copied when one of the two writes to it. The
/// clone is nobody's child that could be waited for: a middleman makes it, which shares our memory
/// and ends at once, so that the clone is an orphan, and the reaper's. And so is the middleman, made
/// by another: what a process's children took is added to its own (getrusage(2)), and to copy page
/// tables takes long. Only where this process is the reaper itself, the clone is its child, without
/// SIGCHLD, and reaped at the next checkpoint.
///
/// Source: clone(2), wait(2), prctl(2) PR_SET_CHILD_SUBREAPER. Stopped-world safe.
enum Clone {
  /// What the clone works on; a record in memory that it inherits.
  struct Job: BitwiseCopyable {
    var draft: ImageDraft
    var control: Control
    var outcome: CheckpointRun.Outcome

    /// When the stop began, by CLOCK_MONOTONIC in nanoseconds.
    var start: UInt64

    /// The regions of the program.
    var maps: RegionList.Text
    var page: WriterStatus

    /// The process that is saved.
    var program: Int32

    /// Whether there is no middleman.
    var isChild: Bool

    /// Whether regions that are missing may still be asked for.
    var mayAsk: Bool

    /// It is to copy memory while the program runs, not to write an image.
    var precopy: PrecopyProcess.Job?
  }

  /// Makes a clone that writes the image, and waits until the program may go on.
  ///
  /// - Returns: false when the leader has to write it: there is no page to share, the kernel makes
  ///   no clone now, or the clone can't have a copy of everything.
  static func write(
    _ draft: inout ImageDraft, _ control: Control, _ outcome: CheckpointRun.Outcome,
    since start: UInt64
  ) -> Bool {
    guard let page = draft.page else { return false }
    var isWriting = false
    do throws(Errno) {
      isWriting = try make(&draft, control, outcome, start, page)
    } catch {}
    if isWriting {
      Agent.state.writerStatus = page.range.start.rawValue
      RseqPages.unshare(draft.threads)
    } else {
      draft.discardPage()
    }
    return isWriting
  }

  private static func make(
    _ draft: inout ImageDraft, _ control: Control, _ outcome: CheckpointRun.Outcome,
    _ start: UInt64,
    _ page: WriterStatus
  ) throws(Errno) -> Bool {
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    try inherit(draft.scratch.range)
    try inherit(draft.keep.range)
    if hasLockedMemory(&draft.scratch) {
      // A clone does not inherit locks: it could not see them.
      draft.properties = try? RegionProperties.text(&draft.scratch)
      guard draft.properties != nil else { return false }
    }
    draft.staging = Staging.make(&draft)
    defer {
      draft.staging?.wiped.bringBack()
      draft.staging = nil
      _ = try? Mapping.advise(draft.room, Advice.dontFork)
    }
    if !draft.room.isEmpty { try inherit(draft.room) }
    guard let maps = try? RegionList.text(&draft.scratch) else { return false }
    let place = try draft.scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let room = try orphanRoom(&draft.scratch)
    var job = Job(
      draft: draft, control: control, outcome: outcome, start: start, maps: maps, page: page,
      program: Process.ownID, isChild: isReaper,
      mayAsk: true)
    defer { draft.properties = nil }
    for attempt in 1...2 {
      job.mayAsk = attempt == 1
      page.enter(.preparing)
      Memory.store(job, at: place)
      let begun = Clock.monotonic
      try beget(job, at: place, in: room)
      if draft.staging == nil { Agent.state.lineage.cloneDuration = Clock.monotonic - begun }
      switch stage(after: page) {
      case .writing, .done:
        setInheritance(of: page, Advice.dontFork)
        return true
      case .lacksRegions: setInheritance(of: page, Advice.doFork)
      case .preparing, .gaveUp, .copying, .ready, .taken:
        setInheritance(of: page, Advice.dontFork)
        return false
      }
    }
    return false
  }

  /// Makes a clone that copies memory while the program runs.
  ///
  /// - Returns: whether it is at work.
  static func makePrecopyProcess(
    _ precopy: PrecopyProcess.Job, _ control: Control, _ draft: inout ImageDraft
  ) throws(Errno) -> Bool {
    try inherit(draft.scratch.range)
    guard let maps = try? RegionList.text(&draft.scratch) else { throw .outOfMemory }
    let place = try draft.scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let room = try orphanRoom(&draft.scratch)
    var job = Job(
      draft: draft, control: control, outcome: CheckpointRun.Outcome(), start: 0, maps: maps,
      page: precopy.page, program: precopy.program,
      isChild: isReaper, mayAsk: false)
    job.precopy = precopy
    job.precopy?.scratch = draft.scratch
    precopy.page.enter(.preparing)
    Memory.store(job, at: place)
    try beget(job, at: place, in: room)
    return stage(after: precopy.page) == .copying
  }

  private static func orphanRoom(_ scratch: inout Arena) throws(Errno) -> AddressRange {
    let byteCount = HelperProcess.orphanRoomByteCount
    let start = try scratch.reserve(byteCount, alignment: pageByteCount)
    guard let room = AddressRange(start: start, byteCount: byteCount) else { throw .outOfMemory }
    return room
  }

  private static func inherit(_ range: AddressRange) throws(Errno) {
    try Mapping.advise(range, Advice.doFork)
  }

  private static func setInheritance(of page: WriterStatus, _ advice: Int) {
    for index in 0..<page.count { _ = try? Mapping.advise(page[index], advice) }
  }

  // MARK: Birth

  /// Whether orphans become this process's children.
  static var isReaper: Bool {
    Process.ownID == 1 || Prctl.integer(Prctl.getSubreaper) != 0
  }

  private static func beget(
    _ job: Job, at place: Address, in room: AddressRange
  ) throws(Errno) {
    if job.isChild { return try fork(place) }
    job.page.processWord.store(0)
    try HelperProcess.runOrphan(in: room, agentMiddleman, place)
    guard job.page.process > 0 else { throw .tryAgain }
  }

  /// Makes the clone, which never comes back from here.
  fileprivate static func fork(_ place: Address) throws(Errno) {
    let job = Memory.load(Job.self, at: place)
    let process = try Process.fork(.untraced, signal: 0)
    guard process != 0 else { CloneProcess.run(job) }
    job.page.processWord.store(UInt32(bitPattern: process))
  }

  // MARK: Waiting

  /// How long to wait before looking whether the clone still lives, in nanoseconds.
  private static let patience: UInt64 = 20_000_000

  /// Waits until the clone has left the first stage.
  ///
  /// - Returns: `.preparing` when it ended in it.
  private static func stage(after page: WriterStatus) -> WriterStatus.Stage {
    while true {
      let stage = page.stage
      if stage != .preparing { return stage }
      page.stageWord.wait(while: stage.rawValue, atMost: patience)
      if page.stage == .preparing, !page.isAlive() { return page.stage }
    }
  }

  /// VmLck of /proc/thread-self/status.
  private static func hasLockedMemory(_ scratch: inout Arena) -> Bool {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    let kilobytes = try? StatusText.number("VmLck", &scratch)
    return (kilobytes ?? 0) != 0
  }
}

/// Begins on its own stack, in the program's memory; makes the clone and ends.
@c(agent_middleman)
func agentMiddleman(_ job: UInt64) {
  // Not even as a zombie may it hold the program's process group: a restart needs its number.
  Process.makeSession()
  _ = try? Clone.fork(Address(job))
  exitThread()
}
