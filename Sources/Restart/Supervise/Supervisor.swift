internal import CKernel
internal import Kernel
internal import KernelABI

/// `restart` as the program's parent: as if the program had been started in its place.
///
/// All signals are blocked and taken one by one.
struct Supervisor {
  let child: Int32
  let namespaceInit: NamespaceInit
  let job: JobPlan
  var terminal: Terminal
  /// Nobody waits for this process: it does not stop with the program.
  let isDetached: Bool

  static let allSignals = UInt64.max

  private var group: Int32 { job == .shareGroup ? Process.ownGroup : child }

  init(
    child: Int32, namespaceInit: NamespaceInit, job: JobPlan, terminal: Terminal, isDetached: Bool
  ) {
    self.child = child
    self.namespaceInit = namespaceInit
    self.job = job
    self.terminal = terminal
    self.isDetached = isDetached
  }

  /// Waits for word on the status pipe, and passes signals on meanwhile.
  ///
  /// - Returns: how it went; when not well, the child may still be there.
  func awaitOutcome(_ status: Int32) -> Outcome {
    let signals = try? Events.makeSignalReader(mask: Self.allSignals)
    defer { if let signals { closeDescriptor(signals) } }
    var entries: InlineArray<2, PollEntry> = [
      PollEntry(descriptor: status), PollEntry(descriptor: signals ?? -1),
    ]
    while true {
      PollEntry.wait(&entries)
      if entries[0].isReady { return Outcome.read(from: status) }
      while let signal = SignalWait.next(of: Self.allSignals, milliseconds: 0) {
        answer(signal)
      }
    }
  }

  /// Stays until the program has ended.
  ///
  /// - Parameters:
  ///   - lazy: what is watched besides.
  ///   - untilWhole: only until all of the program's memory is there.
  /// - Returns: how it ended; exit status 0 when only its memory was waited for.
  func awaitEnd(_ lazy: inout LazyWatch, untilWhole: Bool = false) -> ChildEvent {
    while true {
      let wasOver = lazy.isOver
      lazy.look(after: child)
      // Nothing is left to be said there, and whoever reads it may wait for its end.
      if !wasOver, lazy.isOver { closeDescriptor(2) }
      if untilWhole, lazy.isOver { return .exited(status: 0) }
      while let event = ChildProcess.nextEvent(of: child) {
        switch event {
        case .exited, .killed:
          takeTerminalBack()
          // Before: the first process of a namespace ends when all others of it are reaped.
          let end = lazy.conclude(event)
          namespaceInit.release()
          return end
        case .stopped(let signal): follow(signal)
        case .continued: break
        }
      }
      if let signal = SignalWait.next(of: Self.allSignals) { answer(signal) }
    }
  }

  /// A program in front of the terminal draws itself there.
  func drawAnew() {
    if !isDetached { TerminalRedraw.run(terminal, group: group) }
  }

  // Signals.

  private func answer(_ information: ckernel_siginfo) {
    let parties = SignalAnswer.Parties(
      own: Process.ownID, child: child, sharesGroup: job == .shareGroup)
    let signal = information.signal
    switch SignalAnswer(
      to: signal, code: information.code, sender: information.pid, parties)
    {
    case .nothing, .look: break
    case .resume: resume()
    case .forward: try? Process.send(signal, to: child)
    case .forwardToGroup: send(signal)
    case .queue:
      do throws(Errno) {
        try Signal.queue(information, process: child, signal: signal)
      } catch {
        try? Process.send(signal, to: child)
      }
    }
  }

  /// Sends to the program's group; while it has not made it yet, or has left it, to the program.
  private func send(_ signal: Int32) {
    do throws(Errno) {
      try Process.send(signal, to: 0 - group)
    } catch {
      try? Process.send(signal, to: child)
    }
  }

  // Job control.

  /// The program has stopped: so does this process, for the shell to see.
  ///
  /// Where no shell looks after jobs, nobody would let it go on: when the program goes on, or is ended,
  /// this process has to see it.
  private func follow(_ signal: Int32) {
    if isDetached || !terminal.exists { return }
    let isForTerminal = signal == Signal.terminalInput || signal == Signal.terminalOutput
    if isForTerminal, job == .ownGroup, terminal.frontGroup == Process.ownGroup {
      resume()
      return
    }
    // Ctrl+Z is for the whole job: a script or a pager in the group of `restart` stops too.
    if takeTerminalBack(), signal == Signal.terminalStop { try? Process.send(signal, to: 0) }
    try? Process.send(Signal.stop, to: Process.ownID)
  }

  private func resume() {
    if job == .ownGroup, terminal.frontGroup == Process.ownGroup {
      terminal.bringToFront(group)
    }
    if job == .shareGroup {
      try? Process.send(Signal.continue, to: child)
    } else {
      send(Signal.continue)
    }
  }

  /// - Returns: whether the program was in front.
  @discardableResult
  private func takeTerminalBack() -> Bool {
    guard job == .ownGroup, terminal.frontGroup == child else { return false }
    terminal.bringToFront(Process.ownGroup)
    return true
  }
}

extension ChildEvent {
  /// Ends this process the way the child ended.
  func imitate() -> Never {
    switch self {
    case .exited(let status): exitGroup(status: status)
    case .killed(let signal): Self.die(of: signal)
    case .stopped, .continued: exitGroup(status: 1)
    }
  }

  /// The child has left a core file, if any was wanted: this process leaves none.
  private static func die(of signal: Int32) -> Never {
    try? ResourceLimit(current: 0, maximum: 0).set(ResourceLimit.core)
    try? Signal.setAction(ckernel_sigaction(), of: signal)
    try? Process.send(signal, to: Process.ownID)
    Signal.setMask(~Signal.bit(signal))
    exitGroup(status: 128 + signal)
  }
}
