internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// One restart of an image that was found good: makes the process, and stays with it.
struct RestartRun {
  private let image: LoadedImage
  private let options: RestartOptions
  private let own: AddressRange
  private var pidFile: PIDFile?
  private var lazy = LazyWatch()
  private var stage = StagedStart(words: -1, channel: -1)

  private var waiter: Waiter
  private var report: TraceReport

  /// - Parameter waiter: who waits already for it to be detached.
  init(
    _ image: LoadedImage, _ options: RestartOptions, own: AddressRange, waiter: Waiter?,
    report: TraceReport
  ) throws(RestartFailure) {
    self.waiter = waiter ?? Waiter()
    self.report = report
    self.image = image
    self.options = options
    self.own = own
    if let path = options.pidFile { pidFile = try PIDFile(at: path) }
  }

  mutating func run() -> Never {
    Signal.setMask(Supervisor.allSignals)
    do throws(RestartFailure) {
      if options.detaches, !waiter.isThere { waiter = try Waiter.leave() }
      let status = try during("cannot make a pipe") { () throws(Errno) in try Pipes.make() }
      let supervisor = try begin(status, waiter)
      settle(supervisor, status, waiter)
    } catch {
      pidFile?.discard()
      error.report()
      report.fail()
      waiter.tell(error.status.rawValue)
      exitGroup(status: error.status.rawValue)
    }
  }

  /// Makes the process, which does not come back from here.
  private mutating func begin(_ status: Pipes.Ends, _ waiter: Waiter) throws(RestartFailure)
    -> Supervisor
  {
    let terminal = Terminal.open()
    let isInFront = terminal.frontGroup == Process.ownGroup
    let job = JobPlan(for: image.process, detaches: options.detaches)
    let plan = IdentityPlan(options.ids, powers: Identity.powers)
    var channel = Sockets.Pair(first: -1, second: -1)
    if options.laziness != .none || options.staged != nil {
      channel = try during("cannot make a pair of sockets") { () throws(Errno) in
        try Sockets.makePair(Sockets.Kind.packets)
      }
    }
    let identity = try Identity.make(plan, for: image)
    if identity.pid != 0, identity.hasUserNamespace, !options.isExecutable {
      GroupsNote.write(for: image)
    }
    if identity.pid == 0 {
      waiter.forget()
      identity.namespaceInit.forget()
      report.forget()
      pidFile?.forget()
      closeDescriptor(status.reader)
      if channel.first >= 0 { closeDescriptor(channel.first) }
      Program(
        job: RestartJob(
          image: image, options: options, own: own, identity: identity, place: job,
          terminal: terminal, isInFront: isInFront, status: status.writer,
          channel: channel.second)
      ).run()
    }
    closeDescriptor(status.writer)
    if channel.second >= 0 { closeDescriptor(channel.second) }
    if let words = options.staged {
      stage = StagedStart(words: words, channel: channel.first)
    } else {
      if let stream = image.stream { closeDescriptor(stream.descriptor) }
      lazy = LazyWatch(channel: channel.first)
    }
    trace(
      "the process is %d, %s; its clocks %s", identity.pid,
      identity.hasUserNamespace
        ? "in a user and a PID namespace of its own" as StaticString
        : identity.hasNamespace
          ? "in a PID namespace of its own"
          : identity.isFresh ? "with a new ID" : "with its own ID, here",
      identity.hasClocks ? "go on" as StaticString : "have jumped")
    if options.isVerbose { tell(identity) }
    return Supervisor(
      child: identity.pid, namespaceInit: identity.namespaceInit, job: job, terminal: terminal,
      isDetached: options.detaches)
  }

  /// Hears how it went, and stays if it went well.
  private mutating func settle(
    _ supervisor: Supervisor, _ status: Pipes.Ends, _ waiter: Waiter
  ) -> Never {
    stage.pass(image.stream)
    let outcome = supervisor.awaitOutcome(status.reader)
    guard outcome == .runs else { giveUp(outcome, supervisor, waiter) }
    if let stream = image.stream, stream.feeder > 0 { ChildProcess.reap(stream.feeder) }
    lazy.begin()
    trace("the program runs")
    report.write()
    do throws(RestartFailure) { try pidFile?.commit(supervisor.child) } catch { error.report() }
    stage.sayRuns(supervisor.child)
    // Not before: to unmap takes as long as all the rest, and the processor.
    image.precopied?.drop()
    waiter.tell(0)
    // Without a namespace to keep, a detached program needs nobody.
    let leaves = options.detaches && supervisor.namespaceInit.pid == 0
    if leaves, lazy.isOver { exitGroup(status: 0) }
    lazy.report = report
    supervisor.drawAnew()
    travelLight(supervisor)
    supervisor.awaitEnd(&lazy, untilWhole: leaves).imitate()
  }

  /// Lets go of all that is the program's now.
  private func travelLight(_ supervisor: Supervisor) {
    let others: InlineArray<3, Int32> = [
      supervisor.terminal.descriptor, supervisor.namespaceInit.lifeline, report.descriptor,
    ]
    // What goes wrong with memory that is still being read is said as long as it is.
    let spared: Int32 = lazy.isOver ? -1 : 2
    Descriptors.closeAll(but: LazyWatch.count + 4) {
      $0 < LazyWatch.count
        ? lazy[$0] : $0 == LazyWatch.count ? spared : others[$0 - LazyWatch.count - 1]
    }
    if let head = AddressRange(start: image.head, byteCount: image.headByteCount) {
      try? Mapping.unmap(head)
    }
    if options.detaches {
      let root: StaticString = "/"
      try? Files.changeDirectory(path: root.address)
    }
  }

  /// Ends as the process did that could not become the program.
  private mutating func giveUp(
    _ outcome: Outcome, _ supervisor: Supervisor, _ waiter: Waiter
  ) -> Never {
    pidFile?.discard()
    if let failure = outcome.failure {
      failure.report()
      try? Process.send(Signal.kill, to: supervisor.child)
    }
    // Before the namespace ends: that reaps whatever child has ended.
    let feederEnd = image.stream.flatMap {
      $0.feeder > 0 ? ChildProcess.awaitEvent(of: $0.feeder) : nil
    }
    let end = supervisor.awaitEnd(&lazy)
    trace("the process that was to become the program has ended")
    report.fail()
    stage.sayFailed()
    switch end {
    case .exited(var status) where status != 0:
      if status == RestartFailure.Status.badlyFed.rawValue, let feederEnd {
        status = Feeder.conclude(feederEnd)
      }
      waiter.tell(status)
      exitGroup(status: status)
    case .killed(let signal) where outcome == .silent:
      if Program.deadly & Signal.bit(signal) == 0 { Self.mourn(signal) }
      waiter.tell(128 + signal)
      end.imitate()
    default:
      waiter.tell(1)
      exitGroup(status: 1)
    }
  }

  private static func mourn(_ signal: Int32) {
    RestartFailure(
      .failed, "the program was killed while it was brought back, by signal",
      number: UInt64(signal), numberStyle: .decimal
    ).report()
  }

  private func tell(_ identity: Identity) {
    var line = Line("restart: the program is process ")
    line.append(decimal: UInt64(identity.pid))
    if identity.hasNamespace {
      line.append(" here and ")
      line.append(decimal: UInt64(image.process.pid))
      line.append(" in its own namespace")
    } else if identity.isFresh {
      line.append(", it was ")
      line.append(decimal: UInt64(image.process.pid))
    }
    line.append(identity.hasClocks ? "; its clocks go on\n" : "; its clocks have jumped\n")
    line.write(to: 2)
  }
}
