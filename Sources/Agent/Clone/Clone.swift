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
    var survey: Survey
    var control: Control
    var outcome: Checkpoint.Outcome

    /// When the stop began, by CLOCK_MONOTONIC in nanoseconds.
    var start: UInt64

    /// The regions of the program.
    var maps: RegionList.Text
    var page: WriterPage

    /// The process that is saved.
    var program: Int32

    /// Whether there is no middleman.
    var isChild: Bool

    /// Whether regions that are missing may still be asked for.
    var mayAsk: Bool

    /// It is to copy memory while the program runs, not to write an image.
    var companion: Companion.Job?
  }

  /// Makes a clone that writes the image, and waits until the program may go on.
  ///
  /// - Returns: false when the leader has to write it: there is no page to share, the kernel makes
  ///   no clone now, or the clone can't have a copy of everything.
  static func write(
    _ survey: inout Survey, _ control: Control, _ outcome: Checkpoint.Outcome, since start: UInt64
  ) -> Bool {
    guard let page = survey.page else { return false }
    var isWriting = false
    do throws(Errno) {
      isWriting = try make(&survey, control, outcome, start, page)
    } catch {}
    if isWriting {
      Agent.state.writerPage = page.range.start.rawValue
      RseqPages.unshare(survey.threads)
    } else {
      survey.discardPage()
    }
    return isWriting
  }

  private static func make(
    _ survey: inout Survey, _ control: Control, _ outcome: Checkpoint.Outcome, _ start: UInt64,
    _ page: WriterPage
  ) throws(Errno) -> Bool {
    let mark = survey.scratch.next
    defer { survey.scratch.rewind(to: mark) }
    try inherit(survey.scratch.range)
    try inherit(survey.keep.range)
    if hasLockedMemory(&survey.scratch) {
      // A clone does not inherit locks: it could not see them.
      survey.properties = try? RegionProperties.text(&survey.scratch)
      guard survey.properties != nil else { return false }
    }
    survey.staging = Staging.make(&survey)
    defer {
      survey.staging?.left.bringBack()
      survey.staging = nil
      _ = try? Mapping.advise(survey.room, Advice.dontFork)
    }
    if !survey.room.isEmpty { try inherit(survey.room) }
    guard let maps = try? RegionList.text(&survey.scratch) else { return false }
    let place = try survey.scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let room = try orphanRoom(&survey.scratch)
    var job = Job(
      survey: survey, control: control, outcome: outcome, start: start, maps: maps, page: page,
      program: Process.ownID, isChild: isReaper,
      mayAsk: true)
    defer { survey.properties = nil }
    for attempt in 1...2 {
      job.mayAsk = attempt == 1
      page.enter(.preparing)
      Memory.store(job, at: place)
      let begun = Clock.monotonic
      try beget(job, at: place, in: room)
      if survey.staging == nil { Agent.state.lineage.cloneDuration = Clock.monotonic - begun }
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
  static func makeCompanion(
    _ companion: Companion.Job, _ control: Control, _ survey: inout Survey
  ) throws(Errno) -> Bool {
    try inherit(survey.scratch.range)
    guard let maps = try? RegionList.text(&survey.scratch) else { throw .outOfMemory }
    let place = try survey.scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let room = try orphanRoom(&survey.scratch)
    var job = Job(
      survey: survey, control: control, outcome: Checkpoint.Outcome(), start: 0, maps: maps,
      page: companion.page, program: companion.program,
      isChild: isReaper, mayAsk: false)
    job.companion = companion
    job.companion?.scratch = survey.scratch
    companion.page.enter(.preparing)
    Memory.store(job, at: place)
    try beget(job, at: place, in: room)
    return stage(after: companion.page) == .copying
  }

  private static func orphanRoom(_ scratch: inout Arena) throws(Errno) -> AddressRange {
    let byteCount = SharedMemoryProcess.orphanRoomByteCount
    let start = try scratch.reserve(byteCount, alignment: pageByteCount)
    guard let room = AddressRange(start: start, byteCount: byteCount) else { throw .outOfMemory }
    return room
  }

  private static func inherit(_ range: AddressRange) throws(Errno) {
    try Mapping.advise(range, Advice.doFork)
  }

  private static func setInheritance(of page: WriterPage, _ advice: Int) {
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
    try SharedMemoryProcess.runOrphan(in: room, agentMiddleman, place)
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
  private static func stage(after page: WriterPage) -> WriterPage.Stage {
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
