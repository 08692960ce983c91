internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// One checkpoint, from the signal to the file: quiesce, draft, write, resume.
///
/// Runs on the agent's own stack, on the thread that took the signal.
enum CheckpointRun {
  /// What came of it.
  struct Outcome: BitwiseCopyable {
    var byteCount: UInt64 = 0

    /// Nanoseconds that the program stood still.
    var pause: UInt64 = 0

    /// Nanoseconds from the signal until the image was safe on disk.
    var duration: UInt64 = 0
    var threads: UInt32 = 0
    var counter: UInt32 = 0

    /// How it was made: CKPT_MODE_, CKPT_CAUSE_ and CKPT_RESULT_ of the protocol.
    var mode = CKPT_MODE_IN_PLACE
    var cause: UInt32 = 0
    var flags: UInt32 = 0

    /// Why the link to the newest image of the series doesn't lead to it, 0: it does.
    var linkError = Errno.none
  }

  static func run(_ order: Trigger.Order) {
    // The return from the signal puts the thread's own rights back.
    if Processor.hasProtectionKeys { ckernel_allow_all_keys() }
    LazyMemory.awaitAll()
    TraceOutput.begin(order)
    defer { TraceOutput.finish() }
    do throws(Errno) {
      var draft = try ImageDraft(scratch: order.scratch)
      defer { _ = try? Mapping.unmap(draft.keep.range) }
      let connected: Control
      do throws(Errno) {
        connected = try Control(order, scratch: &draft.scratch)
      } catch {
        // Whoever waited for the end of a deferral may have gone.
        guard order.isCall, order.isRequest else { throw error }
        return Agent.state.call.outcome = .gone
      }
      var control = connected
      defer { control.close() }
      guard CheckpointLock.take(control, order) else {
        trace("another checkpoint is being written: asked to wait")
        if order.isCall { Agent.state.call.outcome = .busy }
        return InterruptedCalls.settleWithoutSample(order.context)
      }
      do throws(CaptureFailure) {
        try take(&draft, &control, order)
      } catch {
        control.reportFailure(error)
        if order.isCall { OwnCall.note(error) }
      }
    } catch {
      if order.isCall { return OwnCall.note(CaptureFailure(.prepare, error)) }
      Report.failure(CaptureFailure(.prepare, error))
      InterruptedCalls.settleWithoutSample(order.context)
    }
  }

  private static func take(
    _ draft: inout ImageDraft, _ control: inout Control, _ order: Trigger.Order
  ) throws(CaptureFailure) {
    // What takes time, and needs no standstill.
    var outcome = Outcome()
    TrackDescriptor.dropInherited()
    choose(control.options.writing, &draft, &outcome)
    let copied = Precopy.taken
    draft.copied = copied
    defer { Precopy.forget(copied) }
    if control.beginsPrecopyStream { return try beginPrecopyStream(&draft, control, order) }
    if copied == nil, Precopy.isWanted(control, draft),
      try beginPrecopy(&draft, control, order) == nil
    {
      if order.isCall { Agent.state.call.outcome = .busy }
      return
    }
    if !order.isCall { Hooks.run(.before, onlyInHandler: true) }
    defer { if !order.isCall { Hooks.run(.resumed, onlyInHandler: true) } }
    let start: UInt64
    do throws(CaptureFailure) {
      start = try stop(control, &draft)
    } catch {
      draft.discardPage()
      copied?.release()
      throw error
    }
    let path: ImagePath?
    do throws(CaptureFailure) {
      path = try capture(&draft, &control, &outcome, start)
    } catch {
      resume(draft)
      draft.discardPage()
      copied?.release()
      throw error
    }
    resume(draft)
    if order.isCall { noteOutcome(isWritten: path != nil) }
    if let path {
      draft.discardPage()
      if !control.kills, !control.freezes, control.reportDone(outcome, path) {
        Lineage.follow(draft.record, path: Agent.parentPath)
      }
    } else {
      draft.page?.pause = Clock.monotonic - start
    }
  }

  private static func noteOutcome(isWritten: Bool) {
    if isWritten { Agent.state.call.outcome = .saved } else { OwnCall.noteBegun() }
  }

  /// The first visit for an image that is copied ahead.
  ///
  /// - Returns: why no precopy process is at work; `nil`: one is.
  private static func beginPrecopy(
    _ draft: inout ImageDraft, _ control: Control, _ order: Trigger.Order
  ) throws(CaptureFailure) -> Errno? {
    _ = try stop(control, &draft)
    let mark = draft.scratch.next
    _ = try? CallSettlement.run(&draft, isWhole: true)
    dropRemadeCalls(draft)
    draft.image.counter = Agent.state.counter + 1
    let obstacle = Precopy.begin(&draft, control, order)
    draft.scratch.rewind(to: mark)
    resume(draft)
    if obstacle == nil {
      control.beginsPrecopyStream ? control.reportCopying() : control.reportWaiting()
    }
    return obstacle
  }

  /// Lets a precopy process copy memory to a stream, until somebody asks for the rest.
  private static func beginPrecopyStream(
    _ draft: inout ImageDraft, _ control: Control, _ order: Trigger.Order
  ) throws(CaptureFailure) {
    if draft.page == nil { draft.page = try? WriterStatus.map() }
    let obstacle: Errno?
    do throws(CaptureFailure) {
      obstacle = try beginPrecopy(&draft, control, order)
    } catch {
      draft.discardPage()
      throw error
    }
    guard let obstacle else { return }
    draft.discardPage()
    throw CaptureFailure(.copyAhead, obstacle)
  }

  /// Decides who is to write the image.
  private static func choose(
    _ wish: Configuration.Writing, _ draft: inout ImageDraft, _ outcome: inout Outcome
  ) {
    switch wish {
    case .inPlace: outcome.cause = CKPT_CAUSE_ASKED
    case .automatic:
      if MemoryCheck.find(&draft.scratch)?.isEnough == false {
        outcome.cause = CKPT_CAUSE_MEMORY
      }
    case .byClone: break
    }
    guard outcome.cause == 0 else {
      return trace(
        "memory is written in place: %s",
        outcome.cause == CKPT_CAUSE_ASKED ? "asked for" as StaticString : "memory is short")
    }
    draft.page = try? WriterStatus.map()
    trace(
      "memory is to be written by a clone%s",
      draft.page == nil ? ", but there is no memory" as StaticString : "")
  }

  // MARK: Stop, resume

  /// Stops all threads.
  ///
  /// - Returns: when the last, successful try to do so began.
  private static func stop(
    _ control: Control, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> UInt64 {
    let deadline =
      Clock.monotonic + UInt64(Agent.state.configuration.timeoutSeconds) * 1_000_000_000
    while true {
      let start = Clock.monotonic
      Gate.close()
      do throws(CaptureFailure) {
        try noteLeader(control, &draft)
        try Quiesce.run(&draft, deadline: deadline)
        trace("%u threads stand still, after %t", draft.threads.count, Clock.monotonic - start)
        return start
      } catch {
        trace(
          "thread %u does not stop (reason %u): all go on", error.subject, error.reason.rawValue)
        _ = try? CallSettlement.run(&draft, isWhole: false)
        resume(draft)
        guard error.reason == .threadBlocksEverySignal, Clock.monotonic < deadline else {
          throw error
        }
      }
    }
  }

  /// Gives the pending signals back and lets everybody go on.
  private static func resume(_ draft: ImageDraft) {
    trace("threads go on")
    let process = Process.ownID
    let own = OwnThread.identifier
    // If the main thread is parked, it sends the process's signals again itself (`Park`).
    if own == process || !hasParkedMain(draft) {
      _ = draft.root.signals.requeue(of: 0, process: process, current: own)
    }
    _ = draft.root.signals.requeue(of: own, process: process, current: own)
    let hasSignals = draft.root.signals.claimed.value > 0
    Gate.open(errands: hasSignals || RemadeCalls.areWatched ? Park.Errand.comeBack : 0)
  }

  private static func hasParkedMain(_ draft: ImageDraft) -> Bool {
    let process = Process.ownID
    for index in 0..<draft.threads.count
    where draft.threads[index].tid == process && draft.threads[index].frame != 0 {
      return true
    }
    return false
  }

  /// The leader is a thread like any other, and the first in the table.
  private static func noteLeader(
    _ control: Control, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    draft.root.removeThreads()
    try during(.prepare) { () throws(Errno) in
      try draft.root.threads.append(ckpt_thread())
      try draft.root.samples.append(control.sample)
      try draft.root.attributes.append(ThreadAttributes())
      try draft.root.pendingSets.append(0)
    }
    draft.root.publish()
    Park.note(0, context: control.context)
  }

  // MARK: Capture

  /// - Returns: where the image is, or `nil` when a clone writes it, and tells of it.
  private static func capture(
    _ draft: inout ImageDraft, _ control: inout Control, _ outcome: inout Outcome, _ start: UInt64
  ) throws(CaptureFailure) -> ImagePath? {
    Agent.state.counter += 1
    var options = control.options
    if control.usesPattern, options.tracking != .none {
      if control.isCall { Agent.state.call.configuration.wasAskedForChanges = true }
      if !control.isCall { Agent.state.configuration.wasAskedForChanges = true }
    }
    if control.replacesParent(&draft.scratch) { options.isFull = true }
    // What goes away through a pipe can't be a parent: what is watched is left as it is.
    if control.isStream { options.tracking = .none }
    outcome.threads = UInt32(draft.threads.count)
    try during(.signals) { () throws(Errno) in try CallSettlement.run(&draft, isWhole: true) }
    dropRemadeCalls(draft)
    defer { DescriptorSurvey.closeTemporaries(draft) }
    try look(&draft, control)
    trace(
      "%u threads, %u descriptors of %u open files, %u objects were listed", draft.threads.count,
      draft.descriptors.count, draft.files.count, draft.objects.count)
    outcome.counter = Agent.state.counter
    draft.root.publish()
    draft.isThin = options.isThin
    draft.endsPrecopyStream = control.endsPrecopyStream
    if draft.copied != nil {
      draft.isTracked = options.tracking != .none
      Precopy.collect(&draft)
    } else {
      WriteTracking.collect(options, &draft)
    }
    if Clone.write(&draft, control, outcome, since: start) {
      TraceOutput.leaveToClone()
      return nil
    }
    if draft.page != nil || outcome.cause == 0 {
      trace("there is no clone: memory is written in place")
    }
    if outcome.cause == 0 { outcome.cause = CKPT_CAUSE_NO_CLONE }
    try Completion.freeze(&draft)
    let path = try Completion.finish(&draft, &control, &outcome)
    outcome.pause = Clock.monotonic - start
    outcome.duration = outcome.pause
    if control.kills, control.reportDone(outcome, path) {
      control.end()
    }
    if control.freezes, control.reportDone(outcome, path) {
      Lineage.follow(draft.record, path: Agent.parentPath)
      // All threads stop where they are parked, and this one here: SIGCONT lets them go on.
      try? Process.send(Signal.stop, to: Process.ownID)
    }
    return path
  }

  private static func dropRemadeCalls(_ draft: ImageDraft) {
    RemadeCalls.drop { (thread) in
      for index in 0..<draft.threads.count where draft.threads[index].tid == thread {
        return false
      }
      return true
    }
  }

  /// Everything but the memory.
  private static func look(
    _ draft: inout ImageDraft, _ control: Control
  ) throws(CaptureFailure) {
    try ThreadSurvey.run(&draft)
    try during(.process) { () throws(Errno) in try captureProcess(&draft) }
    try during(.timers) { () throws(Errno) in
      try draft.root.signals.captureTimers(scratch: &draft.scratch)
    }
    try DescriptorSurvey.run(&draft, except: control.own)
    try during(.prepare) { () throws(Errno) in try noteImage(&draft, control) }
  }

  private static func captureProcess(_ draft: inout ImageDraft) throws(Errno) {
    var process = draft.root.process
    try process.capture(into: &draft)
    draft.root.process = process
  }

  private static func noteImage(_ draft: inout ImageDraft, _ control: Control) throws(Errno) {
    draft.image.identity_low = try Random.word()
    draft.image.identity_high = try Random.word()
    draft.image.format_version = UInt32(CKPT_FORMAT_VERSION)
    draft.image.counter = Agent.state.counter
    draft.image.realtime = Clock.realtime
    if Agent.state.series == 0 { Agent.state.series = try Random.word() }
    draft.image.series = Agent.state.series
    if control.usesPattern { draft.image.counter = SeriesNumber.next(&draft) }
    Agent.state.counter = draft.image.counter
    draft.image.monotonic = Clock.monotonic
    draft.image.boottime = Clock.boottime
    draft.image.page_bytes = pageByteCount
    draft.image.label = try draft.string(
      at: control.label, byteCount: Int(control.labelByteCount))
  }
}
