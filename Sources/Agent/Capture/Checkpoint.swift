internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// One checkpoint, from the signal to the file: quiesce, survey, write, resume.
///
/// Runs on the agent's own stack, on the thread that took the signal.
enum Checkpoint {
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
    do throws(Errno) {
      var survey = try Survey(scratch: order.scratch)
      defer { _ = try? Mapping.unmap(survey.keep.range) }
      let connected: Control
      do throws(Errno) {
        connected = try Control(order, scratch: &survey.scratch)
      } catch {
        // Whoever waited for the end of a deferral may have gone.
        guard order.isCall, order.isRequest else { throw error }
        return Agent.state.call.outcome = .gone
      }
      var control = connected
      defer { control.close() }
      guard Turn.take(control, order) else {
        if order.isCall { Agent.state.call.outcome = .busy }
        return InterruptedCalls.settleWithoutSample(order.context)
      }
      do throws(CaptureFailure) {
        try take(&survey, &control, order)
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
    _ survey: inout Survey, _ control: inout Control, _ order: Trigger.Order
  ) throws(CaptureFailure) {
    // What takes time, and needs no standstill.
    var outcome = Outcome()
    TrackDescriptor.dropInherited()
    choose(control.wishes.writing, &survey, &outcome)
    let copied = Precopy.taken
    survey.copied = copied
    defer { Precopy.forget(copied) }
    if control.beginsRounds { return try beginRounds(&survey, control, order) }
    if copied == nil, Precopy.isWanted(control, survey),
      try beginPrecopy(&survey, control, order) == nil
    {
      if order.isCall { Agent.state.call.outcome = .busy }
      return
    }
    if !order.isCall { Hooks.run(.before, onlyInHandler: true) }
    defer { if !order.isCall { Hooks.run(.resumed, onlyInHandler: true) } }
    let start: UInt64
    do throws(CaptureFailure) {
      start = try stop(control, &survey)
    } catch {
      survey.discardPage()
      copied?.release()
      throw error
    }
    let path: ImagePath?
    do throws(CaptureFailure) {
      path = try capture(&survey, &control, &outcome, start)
    } catch {
      resume(survey)
      survey.discardPage()
      copied?.release()
      throw error
    }
    resume(survey)
    if order.isCall { noteOutcome(isWritten: path != nil) }
    if let path {
      survey.discardPage()
      if !control.kills, !control.freezes, control.reportDone(outcome, path) {
        Lineage.follow(survey.record, path: Agent.parentPath)
      }
    } else {
      survey.page?.pause = Clock.monotonic - start
    }
  }

  private static func noteOutcome(isWritten: Bool) {
    if isWritten { Agent.state.call.outcome = .saved } else { OwnCall.noteBegun() }
  }

  /// The first visit for an image that is copied ahead.
  ///
  /// - Returns: why no companion is at work; `nil`: one is.
  private static func beginPrecopy(
    _ survey: inout Survey, _ control: Control, _ order: Trigger.Order
  ) throws(CaptureFailure) -> Errno? {
    _ = try stop(control, &survey)
    let mark = survey.scratch.next
    _ = try? CallSettlement.run(&survey, isWhole: true)
    dropRemadeCalls(survey)
    survey.image.counter = Agent.state.counter + 1
    let obstacle = Precopy.begin(&survey, control, order)
    survey.scratch.rewind(to: mark)
    resume(survey)
    if obstacle == nil {
      control.beginsRounds ? control.reportCopying() : control.reportWaiting()
    }
    return obstacle
  }

  /// Lets a companion copy memory to a stream, until somebody asks for the rest.
  private static func beginRounds(
    _ survey: inout Survey, _ control: Control, _ order: Trigger.Order
  ) throws(CaptureFailure) {
    if survey.page == nil { survey.page = try? WriterPage.map() }
    let obstacle: Errno?
    do throws(CaptureFailure) {
      obstacle = try beginPrecopy(&survey, control, order)
    } catch {
      survey.discardPage()
      throw error
    }
    guard let obstacle else { return }
    survey.discardPage()
    throw CaptureFailure(.copyAhead, obstacle)
  }

  /// Decides who is to write the image.
  private static func choose(
    _ wish: Configuration.Writing, _ survey: inout Survey, _ outcome: inout Outcome
  ) {
    switch wish {
    case .inPlace: outcome.cause = CKPT_CAUSE_ASKED
    case .automatic:
      if MemoryCheck.find(&survey.scratch)?.isEnough == false {
        outcome.cause = CKPT_CAUSE_MEMORY
      }
    case .byClone: break
    }
    guard outcome.cause == 0 else { return }
    survey.page = try? WriterPage.map()
  }

  // MARK: Stop, resume

  /// Stops all threads.
  ///
  /// - Returns: when the last, successful try to do so began.
  private static func stop(
    _ control: Control, _ survey: inout Survey
  ) throws(CaptureFailure) -> UInt64 {
    let deadline =
      Clock.monotonic + UInt64(Agent.state.configuration.timeoutSeconds) * 1_000_000_000
    while true {
      let start = Clock.monotonic
      Gate.close()
      do throws(CaptureFailure) {
        try noteLeader(control, &survey)
        try Quiesce.run(&survey, deadline: deadline)
        return start
      } catch {
        _ = try? CallSettlement.run(&survey, isWhole: false)
        resume(survey)
        guard error.reason == .threadBlocksEverySignal, Clock.monotonic < deadline else {
          throw error
        }
      }
    }
  }

  /// Gives the pending signals back and lets everybody go on.
  private static func resume(_ survey: Survey) {
    let process = Process.ownID
    let own = OwnThread.identifier
    // If the main thread is parked, it sends the process's signals again itself (`Park`).
    if own == process || !hasParkedMain(survey) {
      _ = survey.root.signals.requeue(of: 0, process: process, current: own)
    }
    _ = survey.root.signals.requeue(of: own, process: process, current: own)
    let hasSignals = survey.root.signals.claimed.value > 0
    Gate.open(errands: hasSignals || RemadeCalls.areWatched ? Park.Errand.comeBack : 0)
  }

  private static func hasParkedMain(_ survey: Survey) -> Bool {
    let process = Process.ownID
    for index in 0..<survey.threads.count
    where survey.threads[index].tid == process && survey.threads[index].frame != 0 {
      return true
    }
    return false
  }

  /// The leader is a thread like any other, and the first in the table.
  private static func noteLeader(
    _ control: Control, _ survey: inout Survey
  ) throws(CaptureFailure) {
    survey.root.removeThreads()
    try during(.prepare) { () throws(Errno) in
      try survey.root.threads.append(ckpt_thread())
      try survey.root.samples.append(control.sample)
      try survey.root.pendingSets.append(0)
    }
    survey.root.publish()
    Park.note(0, context: control.context)
  }

  // MARK: Capture

  /// - Returns: where the image is, or `nil` when a clone writes it, and tells of it.
  private static func capture(
    _ survey: inout Survey, _ control: inout Control, _ outcome: inout Outcome, _ start: UInt64
  ) throws(CaptureFailure) -> ImagePath? {
    Agent.state.counter += 1
    var wishes = control.wishes
    if control.usesPattern, wishes.tracking != .none {
      if control.isCall { Agent.state.call.configuration.wasAskedForChanges = true }
      if !control.isCall { Agent.state.configuration.wasAskedForChanges = true }
    }
    if control.replacesParent(&survey.scratch) { wishes.isFull = true }
    // What goes away through a pipe can't be a parent: what is watched is left as it is.
    if control.isStream { wishes.tracking = .none }
    outcome.threads = UInt32(survey.threads.count)
    try during(.signals) { () throws(Errno) in try CallSettlement.run(&survey, isWhole: true) }
    dropRemadeCalls(survey)
    defer { DescriptorSurvey.closeTemporaries(survey) }
    try look(&survey, control)
    outcome.counter = Agent.state.counter
    survey.root.publish()
    survey.isThin = wishes.isThin
    survey.endsRounds = control.endsRounds
    if survey.copied != nil {
      survey.isTracked = wishes.tracking != .none
      Precopy.collect(&survey)
    } else {
      Changes.collect(wishes, &survey)
    }
    if Clone.write(&survey, control, outcome, since: start) { return nil }
    if outcome.cause == 0 { outcome.cause = CKPT_CAUSE_NO_CLONE }
    try Completion.freeze(&survey)
    let path = try Completion.finish(&survey, &control, &outcome)
    outcome.pause = Clock.monotonic - start
    outcome.duration = outcome.pause
    if control.kills, control.reportDone(outcome, path) {
      control.end()
    }
    if control.freezes, control.reportDone(outcome, path) {
      Lineage.follow(survey.record, path: Agent.parentPath)
      // All threads stop where they are parked, and this one here: SIGCONT lets them go on.
      try? Process.send(Signal.stop, to: Process.ownID)
    }
    return path
  }

  private static func dropRemadeCalls(_ survey: Survey) {
    RemadeCalls.drop { (thread) in
      for index in 0..<survey.threads.count where survey.threads[index].tid == thread {
        return false
      }
      return true
    }
  }

  /// Everything but the memory.
  private static func look(
    _ survey: inout Survey, _ control: Control
  ) throws(CaptureFailure) {
    try ThreadSurvey.run(&survey)
    try during(.process) { () throws(Errno) in try captureProcess(&survey) }
    try during(.timers) { () throws(Errno) in
      try survey.root.signals.captureTimers(scratch: &survey.scratch)
    }
    try DescriptorSurvey.run(&survey, except: control.own)
    try during(.prepare) { () throws(Errno) in try noteImage(&survey, control) }
  }

  private static func captureProcess(_ survey: inout Survey) throws(Errno) {
    var process = survey.root.process
    try process.capture(into: &survey)
    survey.root.process = process
  }

  private static func noteImage(_ survey: inout Survey, _ control: Control) throws(Errno) {
    survey.image.identity_low = try Random.word()
    survey.image.identity_high = try Random.word()
    survey.image.format_version = UInt32(CKPT_FORMAT_VERSION)
    survey.image.counter = Agent.state.counter
    survey.image.realtime = Clock.realtime
    if Agent.state.series == 0 { Agent.state.series = try Random.word() }
    survey.image.series = Agent.state.series
    if control.usesPattern { survey.image.counter = SeriesNumber.next(&survey) }
    Agent.state.counter = survey.image.counter
    survey.image.monotonic = Clock.monotonic
    survey.image.boottime = Clock.boottime
    survey.image.page_bytes = pageByteCount
    survey.image.label = try survey.string(
      at: control.label, byteCount: Int(control.labelByteCount))
  }
}
