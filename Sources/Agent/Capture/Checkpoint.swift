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
  }

  static func run(_ order: Trigger.Order) {
    // The return from the signal puts the thread's own rights back.
    if Processor.hasProtectionKeys { ckernel_allow_all_keys() }
    do throws(Errno) {
      var survey = try Survey(scratch: order.scratch)
      defer { _ = try? Mapping.unmap(survey.keep.range) }
      var control = try Control(order, scratch: &survey.scratch)
      defer { control.close() }
      do throws(CaptureFailure) {
        let (outcome, path) = try take(&survey, &control)
        if !control.kills { _ = control.reportDone(outcome, path) }
      } catch {
        control.reportFailure(error)
      }
    } catch {
      Report.failure(CaptureFailure(.prepare, error))
    }
  }

  // MARK: Stop, resume

  private static func take(
    _ survey: inout Survey, _ control: inout Control
  ) throws(CaptureFailure) -> (outcome: Outcome, path: ImagePath) {
    let start = try stop(control, &survey)
    defer { resume(survey) }
    var outcome = Outcome()
    let path = try capture(&survey, &control, &outcome)
    outcome.pause = Clock.monotonic - start
    outcome.duration = outcome.pause
    if control.kills, control.reportDone(outcome, path) {
      try? Process.send(Signal.kill, to: Process.ownID)
    }
    return (outcome, path)
  }

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
        _ = try? CallSettlement.run(&survey)
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
    Gate.open()
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

  private static func capture(
    _ survey: inout Survey, _ control: inout Control, _ outcome: inout Outcome
  ) throws(CaptureFailure) -> ImagePath {
    Agent.state.counter += 1
    outcome.counter = Agent.state.counter
    outcome.threads = UInt32(survey.threads.count)
    try during(.signals) { () throws(Errno) in try CallSettlement.run(&survey) }
    try look(&survey, control)
    survey.root.publish()
    try PageSurvey.run(&survey)
    return try write(&survey, &control, &outcome)
  }

  private static func look(
    _ survey: inout Survey, _ control: Control
  ) throws(CaptureFailure) {
    try ThreadSurvey.run(&survey)
    try during(.process) { () throws(Errno) in try captureProcess(&survey) }
    try during(.timers) { () throws(Errno) in
      try survey.root.signals.captureTimers(scratch: &survey.scratch)
    }
    try DescriptorSurvey.run(&survey, except: control.own)
    try RegionList.read(into: &survey)
    try SharedSurvey.run(&survey)
    try during(.process) { () throws(Errno) in try noteMachine(&survey) }
    noteAgent(&survey)
    try during(.prepare) { () throws(Errno) in try noteImage(&survey, control) }
  }

  private static func captureProcess(_ survey: inout Survey) throws(Errno) {
    var process = survey.root.process
    try process.capture(into: &survey)
    survey.root.process = process
  }

  private static func noteMachine(_ survey: inout Survey) throws(Errno) {
    let leader = survey.threads[survey.root.leader]
    survey.machine = try MachineSurvey.capture(
      frame: Address(leader.frame), vdso: extent(of: CKPT_REGION_VDSO, survey),
      vvar: extent(of: CKPT_REGION_VVAR, survey), into: &survey)
    try MachineSurvey.captureComponents(into: &survey.xstate)
  }

  /// From the first to the last region of a kind; empty when there is none.
  private static func extent(of kind: UInt32, _ survey: Survey) -> AddressRange {
    var range = AddressRange.empty
    for index in 0..<survey.regions.count where survey.regions[index].kind == kind {
      let region = survey.regions[index]
      let start = range.isEmpty ? region.start : range.start.rawValue
      range = AddressRange(start: start, end: region.end) ?? range
    }
    return range
  }

  private static func noteAgent(_ survey: inout Survey) {
    survey.agent = ckpt_agent(
      entry: Handler.wakeEntry, stack_top: survey.root.stackTop.rawValue,
      handoff: survey.root.handoff.rawValue, arena_start: survey.keep.range.start.rawValue,
      arena_bytes: survey.keep.range.byteCount, handoff_version: UInt32(CKPT_HANDOFF_VERSION),
      trigger_signal: UInt32(Agent.state.configuration.signal))
  }

  private static func noteImage(_ survey: inout Survey, _ control: Control) throws(Errno) {
    survey.image.identity_low = try Random.word()
    survey.image.identity_high = try Random.word()
    survey.image.format_version = UInt32(CKPT_FORMAT_VERSION)
    survey.image.counter = Agent.state.counter
    survey.image.realtime = Clock.realtime
    survey.image.monotonic = Clock.monotonic
    survey.image.boottime = Clock.boottime
    survey.image.page_bytes = pageByteCount
    survey.image.label = try survey.string(
      at: control.label, byteCount: Int(control.labelByteCount))
  }

  private static func write(
    _ survey: inout Survey, _ control: inout Control, _ outcome: inout Outcome
  ) throws(CaptureFailure) -> ImagePath {
    defer { DescriptorSurvey.closeTemporaries(survey) }
    let head = try during(.layout) { () throws(Errno) in try ImageHead.build(&survey) }
    outcome.byteCount = head.fileByteCount
    let path = try during(.openImage) { () throws(Errno) in
      try control.path(survey, &survey.scratch)
    }
    let file = try control.open(path, &survey)
    var written: UInt64 = 0
    do throws(Errno) {
      var writer = try ImageWriter(to: file.number, head, scratch: &survey.scratch)
      defer { written = writer.position }
      try writer.write(survey, head) { control.reportProgress($0, of: head.fileByteCount) }
    } catch {
      WriteSignals.forget()
      file.discard()
      throw CaptureFailure(
        .writeImage, error, subject: written, name: path.address,
        nameByteCount: UInt32(path.byteCount))
    }
    try file.commit()
    return path
  }
}
