internal import Kernel
internal import KernelABI

extension AgentLaunch {
  /// Makes a process that puts the agent into this one as soon as it has become the program.
  ///
  /// It is nobody's child: the program must not find one that it did not make.
  ///
  /// - Parameter complain: called in that process when it did not work; the program runs all the same.
  public func prepareInjection(
    complain: (InjectFailure) -> Void
  ) throws(LaunchFailure) {
    do throws(Errno) {
      let word = try WordPipe()
      let permission = try WordPipe()
      let middleman = try Process.fork()
      if middleman == 0 { makeInjector(word, permission, complain) }
      try Wait.status(of: middleman)
      word.closeWriter()
      // With Yama a process says itself who but its parents may trace it; without, this is EINVAL.
      Prctl.allowTracing(by: try word.receive())
      try permission.send(0)
      let result = try word.receive()
      guard result == 0 else { throw Errno(rawValue: result) }
    } catch {
      throw .injection(error)
    }
  }

  /// In a child, which ends: what it makes is an orphan.
  private func makeInjector(
    _ word: WordPipe, _ permission: WordPipe, _ complain: (InjectFailure) -> Void
  ) -> Never {
    let program = Process.parentID
    if (try? Process.fork()) == 0 {
      permission.closeWriter()
      if let tracee = seize(program, word, permission) {
        do throws(InjectFailure) { try inject(tracee, program) } catch { complain(error) }
      }
    }
    exitGroup(status: 0)
  }

  /// Takes the process that is to be the program, and tells it so.
  private func seize(
    _ program: Int32, _ word: WordPipe, _ permission: WordPipe
  ) -> SeizedThread? {
    // Neither the terminal's signals nor its stops are for it.
    Process.makeSession()
    do throws(Errno) {
      try word.send(Process.ownID)
      _ = try permission.receive()
    } catch {
      return nil
    }
    do throws(Errno) {
      let tracee = try SeizedThread(program, waiting: injectPatience, forExec: true)
      try word.send(0)
      closeInherited()
      return tracee
    } catch {
      _ = try? word.send(error.rawValue)
      return nil
    }
  }

  /// All but standard error: whoever waits for the end of one of the program's files must not wait
  /// for this process.
  private func closeInherited() {
    Descriptors.closeAll(but: 2)
  }

  private func inject(
    _ tracee: consuming SeizedThread, _ program: Int32
  ) throws(InjectFailure) {
    // The settings are in the program's environment.
    var injection = Injection(agent: agent)
    guard try hasExecuted(tracee) else { return }
    if takesSignalsAtStart(program) {
      _ = consume tracee
      awaitHandlers(program)
      let target: TargetFacts
      do throws(TargetFailure) { target = try .read(program) } catch { throw .target(error) }
      // The runtime has taken it before we came, and not for the program.
      injection.settings = [Setting("CKPT_SIGNAL", String(target.trigger))]
      try injection.run(target)
      return
    }
    let source = try AgentSource(agent)
    do throws(Errno) {
      try tracee.interrupt()
      try tracee.resume()
    } catch {
      throw .step(.trace, error)
    }
    try StoppedTask.reach(tracee, of: program)
    let maps = (try? HostFiles.text(of: "/proc/\(program)/maps")) ?? ""
    _ = try injection.work(
      consume tracee, source, program, MapsLine.all(in: maps), .unknown, nil)
  }

  /// - Returns: false when there is no program, of which the process itself tells.
  private func hasExecuted(_ tracee: borrowing SeizedThread) throws(InjectFailure) -> Bool {
    do throws(Errno) {
      while true {
        switch try tracee.wait() {
        case .executed: return true
        case .ended: return false
        case .signal(let signal): try tracee.resume(with: signal)
        case .trap, .call: try tracee.resume()
        }
      }
    } catch {
      throw error == .timedOut
        ? .doesNotStop(tid: tracee.tid, seconds: injectPatience / 1_000_000_000)
        : .step(.trace, error)
    }
  }

  /// Whether the program will take every signal there is before it comes to its own code, so that
  /// the agent has to come after that.
  private func takesSignalsAtStart(_ program: Int32) -> Bool {
    guard let head = try? HostFiles.contents(of: "/proc/\(program)/exe", limit: 16384) else {
      return false
    }
    return isGoProgram(head)
  }

  /// Nanoseconds that a program has to take its signals.
  private static let startPatience: UInt64 = 2_000_000_000

  /// Waits until the last of the signals is caught: Go takes them in order.
  private func awaitHandlers(_ program: Int32) {
    let deadline = Clock.monotonic + Self.startPatience
    while Clock.monotonic < deadline,
      let text = try? HostFiles.text(of: "/proc/\(program)/status"),
      !ProcessStatus(text).catches(controlSignal)
    {
      Scheduling.sleep(milliseconds: 1)
    }
  }
}

/// A pipe for numbers, between processes that are made by fork(2).
private struct WordPipe {
  private let reader: Int32
  private let writer: Int32

  init() throws(Errno) {
    let ends = try Pipes.make()
    reader = ends.reader
    writer = ends.writer
  }

  func closeWriter() { closeDescriptor(writer) }

  func send(_ word: Int32) throws(Errno) {
    try Files.write(writer, word)
  }

  /// - Throws: `noSuchProcess` when all who could write are gone.
  func receive() throws(Errno) -> Int32 {
    var word: Int32 = 0
    guard try Files.read(reader, into: &word) == 4 else { throw .noSuchProcess }
    return word
  }
}
