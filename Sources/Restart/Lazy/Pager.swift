internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Brings the program's memory while the program runs: a process of its own that shares that memory
/// and nothing else.
///
/// It reads what is touched first and then the rest, always with its digests, and follows what the
/// program does with memory that isn't there: dropping, moving and unmapping it, and forking. When
/// all is there it unmaps `restart` and ends; when something is wrong with the image, it ends the
/// program, which has never seen a wrong byte.
struct Pager: BitwiseCopyable {
  let plan: LazyPlan
  let helper: LazyHelper

  /// A pidfd of the program, and its ID.
  let program: Int32
  let programID: Int32

  /// Of the processes whose memory this is; the program's own first.
  var spaces: Table<LazySpace>

  /// Threads that wait for pages, oldest first.
  var faults: Table<LazyFault>
  let reader: DataReader

  /// Somebody waits for all of it.
  var isHurried = false

  /// Whether nobody missed anything when it last looked.
  ///
  /// At first, and while somebody does, the rest waits a moment: what is missed next would come behind
  /// a part that takes a millisecond.
  private var isQuiet = false

  /// What became of an attempt to give a page.
  enum Outcome {
    case done
    /// The program is changing its memory: hear how, then look again.
    case again
    /// The process is gone.
    case gone
  }

  init(
    _ plan: LazyPlan, _ space: LazySpace, _ helper: LazyHelper, program: Int32
  ) throws(Errno) {
    self.plan = plan
    self.helper = helper
    self.program = program
    programID = Process.ownID
    var spaces = plan.layout.spaces
    try spaces.append(space)
    self.spaces = spaces
    faults = plan.layout.faults
    var work = plan.work
    work.isLate = true
    reader = work.reader(FillWorker.limit - 1)
  }

  var layout: LazyLayout { helper.layout }

  // MARK: Living

  /// In the pager's process.
  mutating func run() -> Never {
    leaveProgram()
    layout.ready.store(1)
    layout.ready.wakeAll()
    do throws(RestartFailure) {
      while try step() {}
    } catch {
      fail(error)
    }
    finish()
  }

  private func leaveProgram() {
    helper.leaveProgram(keeping: [plan.fault.descriptor, program], reader)
  }

  /// One look at what has come, and one part of what hasn't.
  ///
  /// - Returns: whether there is more to do.
  private mutating func step() throws(RestartFailure) -> Bool {
    let isReady = layout.go.value != 0
    let hasWork = isReady && (plan.laziness == .background || isHurried)
    wait(milliseconds: hasWork ? isQuiet ? 0 : 1 : isReady ? 1000 : 1)
    for index in 0..<spaces.count where spaces[index].isOpen { try hear(index) }
    isQuiet = faults.count == 0
    try serve()
    if programIsGone { drop(0) }
    if !hasWork { dropDead() }
    // It may have been refused before it ran.
    guard isReady else { return spaces[0].isOpen }
    guard let index = nextSpace() else { return false }
    if hasWork { try bringNext(index) }
    return true
  }

  /// The first process that lacks something; those that lack nothing any more are let go.
  private mutating func nextSpace() -> Int? {
    for index in 0..<spaces.count where spaces[index].isOpen {
      var space = spaces[index]
      let hasMore = space.spans.next() != nil
      spaces[index] = space
      if hasMore { return index }
      // The program's own stays until its children have all of theirs.
      if index > 0 { drop(index) }
    }
    return nil
  }

  private func wait(milliseconds: Int) {
    var polls = layout.polls
    for index in 0..<spaces.count where spaces[index].isOpen {
      _ = try? polls.append(PollEntry(descriptor: spaces[index].descriptor))
    }
    if spaces[0].isOpen { _ = try? polls.append(PollEntry(descriptor: program)) }
    PollEntry.wait(polls, milliseconds: milliseconds)
  }

  /// The program has ended, or its process runs another one.
  private var programIsGone: Bool {
    guard spaces[0].isOpen else { return false }
    var poll = PollEntry(descriptor: program)
    poll.wait(milliseconds: 0)
    if poll.isReady { return true }
    return Process.shareMemory(programID, OwnThread.identifier) == false
  }

  /// Forgets a process.
  func drop(_ index: Int) {
    var space = spaces[index]
    space.close()
    spaces[index] = space
  }

  /// Forgets children that have ended, or have become other programs.
  ///
  /// None of them has the restore arena, so that this asks for a page at no place of theirs.
  func dropDead() {
    for index in 1..<max(1, spaces.count) where spaces[index].isOpen {
      do throws(Errno) {
        _ = try spaces[index].fault.zero(layout.whole)
      } catch {
        if error == .noSuchProcess { drop(index) }
      }
    }
  }

  // MARK: Ending

  /// All memory is there, or nobody is left who lacks any.
  private mutating func finish() -> Never {
    let isAlive = spaces[0].isOpen && !programIsGone
    drop(0)
    // The agent says how to leave as one of the first things it does.
    while isAlive, helper.record.unmap_and_exit == 0 {
      var poll = PollEntry(descriptor: program)
      poll.wait(milliseconds: 1)
      if poll.isReady { break }
    }
    if isAlive, helper.record.unmap_and_exit != 0 { helper.finish() }
    exitGroup(status: 0)
  }

  /// Says why, and ends the program before it can see what isn't there.
  private mutating func fail(_ failure: RestartFailure) -> Never {
    helper.tell(failure)
    try? Process.send(Signal.kill, toDescriptor: program)
    for index in 1..<max(1, spaces.count) where spaces[index].isOpen { poison(spaces[index]) }
    // Until then, its threads wait where they miss something.
    if spaces[0].isOpen {
      var poll = PollEntry(descriptor: program)
      poll.wait(milliseconds: 10_000)
    }
    exitGroup(status: failure.status.rawValue)
  }

  /// Makes sure that a child never sees what isn't there.
  private func poison(_ space: LazySpace) {
    let spans = space.spans.table
    for index in 0..<spans.count {
      var range = spans[index].range
      while !range.isEmpty {
        let done = (try? space.fault.poison(range)) ?? pageByteCount
        range = range.dropping(max(done, pageByteCount))
      }
    }
    space.fault.wakeAll(space.ranges)
  }
}

extension AddressRange {
  /// The rest of it behind so many bytes.
  func dropping(_ count: UInt64) -> AddressRange {
    guard count < byteCount else { return .empty }
    return AddressRange(start: start + count, byteCount: byteCount - count) ?? .empty
  }
}

extension Userfault {
  func wakeAll(_ ranges: Table<AddressRange>) {
    for index in 0..<ranges.count { wake(ranges[index]) }
  }
}
