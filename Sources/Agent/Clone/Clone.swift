internal import CKernel
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

    /// The end of the middleman's stack; its own PID lies just behind, until it has left our memory.
    var stackTop: Address

    /// Whether there is no middleman.
    var isChild: Bool

    /// Whether regions that are missing may still be asked for.
    var mayAsk: Bool

    /// It is to copy memory while the program runs, not to write an image.
    var precopy: PrecopyProcess.Job?
  }

  /// CLONE_VM, CLONE_VFORK, CLONE_UNTRACED, CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID of
  /// `include/uapi/linux/sched.h`.
  private static let sharingMemory: UInt64 = 0x100
  private static let untilEnd: UInt64 = 0x4000
  private static let untraced: UInt64 = 0x80_0000
  private static let notingLife: UInt64 = 0x100_0000 | 0x20_0000

  private static let stackByteCount: UInt64 = 64 << 10

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
    let stack = try draft.scratch.reserve(2 * stackByteCount + 16, alignment: pageByteCount)
    var job = Job(
      draft: draft, control: control, outcome: outcome, start: start, maps: maps, page: page,
      program: Process.ownID, stackTop: stack + 2 * stackByteCount, isChild: isReaper,
      mayAsk: true)
    defer { draft.properties = nil }
    for attempt in 1...2 {
      job.mayAsk = attempt == 1
      page.enter(.preparing)
      Memory.store(job, at: place)
      let begun = Clock.monotonic
      try beget(job, at: place, stack: stack)
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
    let stack = try draft.scratch.reserve(2 * stackByteCount + 16, alignment: pageByteCount)
    var job = Job(
      draft: draft, control: control, outcome: CheckpointRun.Outcome(), start: 0, maps: maps,
      page: precopy.page, program: precopy.program,
      stackTop: stack + 2 * stackByteCount, isChild: isReaper, mayAsk: false)
    job.precopy = precopy
    job.precopy?.scratch = draft.scratch
    precopy.page.enter(.preparing)
    Memory.store(job, at: place)
    try beget(job, at: place, stack: stack)
    return stage(after: precopy.page) == .copying
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
    _ job: Job, at place: Address, stack: Address
  ) throws(Errno) {
    if job.isChild { return try fork(place) }
    job.page.processWord.store(0)
    var arguments = ckernel_clone_args()
    arguments.flags = sharingMemory | untilEnd | untraced
    arguments.stack = stack.rawValue
    arguments.stack_size = stackByteCount
    // 1: somebody is about to be there.
    job.middleman.store(1)
    HelperProcess.reap(try HelperProcess.run(&arguments, agentHelper, place.rawValue))
    while job.middleman.value != 0 { job.middleman.wait(while: job.middleman.value) }
    guard job.page.process > 0 else { throw .tryAgain }
  }

  /// Makes the middleman; the kernel clears the word when it has left our memory.
  fileprivate static func makeMiddleman(_ place: Address) {
    let job = Memory.load(Job.self, at: place)
    var arguments = ckernel_clone_args()
    arguments.flags = sharingMemory | untraced | notingLife
    arguments.stack = (job.stackTop - stackByteCount).rawValue
    arguments.stack_size = stackByteCount
    arguments.child_tid = job.middleman.address.rawValue
    do throws(Errno) {
      _ = try HelperProcess.run(&arguments, agentMiddleman, place.rawValue)
    } catch {
      job.middleman.store(0)
    }
  }

  /// Makes the clone, which never comes back from here.
  fileprivate static func fork(_ place: Address) throws(Errno) {
    let job = Memory.load(Job.self, at: place)
    var arguments = ckernel_clone_args()
    arguments.flags = untraced
    let raw = try withAddress(of: &arguments) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.clone3, address.argument, MemoryLayout<ckernel_clone_args>.size)
    }
    guard raw != 0 else { CloneProcess.run(job) }
    job.page.processWord.store(UInt32(truncatingIfNeeded: raw))
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

extension Clone.Job {
  /// The middleman's TID, 0: there is none any more.
  fileprivate var middleman: FutexWord { FutexWord(at: stackTop, isShared: true) }
}

/// Begins on its own stack, in the program's memory; makes the middleman and ends.
@c(agent_helper)
func agentHelper(_ job: UInt64) {
  Clone.makeMiddleman(Address(job))
  while true { _ = rawSystemCall(SyscallNumber.exit, 0) }
}

/// Begins on its own stack, in the program's memory; makes the clone and ends.
@c(agent_middleman)
func agentMiddleman(_ job: UInt64) {
  // Not even as a zombie may it hold the program's process group: a restart needs its number.
  _ = rawSystemCall(SyscallNumber.setsid)
  _ = try? Clone.fork(Address(job))
  while true { _ = rawSystemCall(SyscallNumber.exit, 0) }
}
