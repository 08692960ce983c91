internal import CImage
internal import Kernel
internal import KernelABI

/// One talk with one agent: signal, connection, request, reports, decision.
struct SaveSession: ~Copyable {
  let order: SaveOrder
  let token: ControlToken
  let listener: ControlListener
  let process: ProcessHandle
  let interruptions: Interruptions

  /// Opens everything that the talk needs, before the target hears of it.
  static func prepared(for order: SaveOrder) throws(SaveFailure) -> SaveSession {
    do throws(Errno) { return try SaveSession(order) } catch {
      throw error == .noSuchProcess ? .ended : .control(error)
    }
  }

  private init(_ order: SaveOrder) throws(Errno) {
    let token = ControlToken(random: try randomBits())
    let listener = try ControlListener(token)
    let process = try ProcessHandle(order.target.pid)
    let interruptions = try Interruptions()
    self.order = order
    self.token = token
    self.listener = listener
    self.process = process
    self.interruptions = interruptions
  }

  /// Signals the thread.
  ///
  /// - Parameter sample: what the thread is doing; corrected by what is seen on the way.
  /// - Returns: false when the program is no longer the one that was looked at, or the thread is gone.
  borrowing func ask(
    by delivery: Delivery, doing sample: inout ThreadSample
  ) throws(SaveFailure) -> Bool {
    var signal = GuardedSignal(
      signal: Int32(delivery.signal), value: token.rawValue, tid: delivery.tid,
      pid: order.target.pid, deadline: monotonicTime() &+ order.patience, sample: sample)
    let interruption = interruptions.descriptor.number
    let outcome = signal.send {
      let ready = try? waitReadable([interruption], until: monotonicTime() &+ 1_000_000)
      return ready?.first != true
    }
    sample = signal.sample
    switch outcome {
    case .sent: return true
    case .changed:
      if hasEnded() { throw .ended }
      return false
    case .doesNotStop: throw .noAnswer(seconds: order.patience / 1_000_000_000)
    case .interrupted: throw .interrupted(signal: (try? interruptions.next()) ?? 2)
    case .wouldBeTaken:
      throw .target(.triggerTaken(order.target.pid, signal: delivery.signal))
    }
  }

  /// Waits for the agent's call, and tells it what is wanted.
  ///
  /// - Parameters:
  ///   - sample: what the thread was doing before it was signalled.
  ///   - deadline: until when the program may defer it; `nil` when it has not said that it does.
  ///   - descriptors: the file to write to, and the program `restart` for a snapshot executable.
  ///   - path: the name that the file will have.
  borrowing func accept(
    by delivery: Delivery, doing sample: ThreadSample, until deadline: UInt64?,
    passing descriptors: [Int32], as path: String
  ) throws(SaveFailure) -> ControlConnection {
    var request = ControlRequest(token: token)
    request.passesDescriptor = !descriptors.isEmpty
    request.wantsTrace = order.trace != nil
    request.kills = order.kills
    request.freezes = order.freezes
    request.manner = order.manner
    if let stream = order.stream {
      request.isStream = true
      request.streamPatience = UInt32(clamping: max(0, stream.patience.idle))
      request.rounds = order.rounds
    }
    request.path = path
    request.label = order.label
    request.sampledThread = delivery.tid
    request.sample = sample
    let connection = try acceptAgent(until: deadline)
    do throws(Errno) { try connection.send(request.encoded, passing: descriptors) } catch {
      throw .hungUp
    }
    return connection
  }

  /// Anyone may connect who guesses the name; only the target counts.
  private borrowing func acceptAgent(
    until deferred: UInt64?
  ) throws(SaveFailure) -> ControlConnection {
    let deadline = deferred ?? monotonicTime() &+ order.patience
    let seconds = order.patience / 1_000_000_000
    while true {
      guard try waitForWord(on: listener.descriptor.number, until: deadline) else {
        throw deferred == nil ? .noAnswer(seconds: seconds) : .deferred(seconds: seconds)
      }
      do throws(Errno) {
        let connection = try listener.accept()
        if try connection.peer().process == order.target.pid { return connection }
      } catch {
        throw .control(error)
      }
    }
  }

  /// How the agent's reports end, if not with a failure.
  enum Answer: Equatable {
    case written(ControlReport.Written)

    /// Another checkpoint of the process is still being written.
    case busy

    /// The agent calls when the program defers checkpoints no longer.
    case deferred
  }

  /// Reads reports until the image is written.
  ///
  /// By whoever writes it: it may well be that the process itself has ended meanwhile.
  ///
  borrowing func follow(
    _ connection: borrowing ControlConnection, progress: (ControlReport.Progress) -> Void
  ) throws(SaveFailure) -> Answer {
    while true {
      let deadline = monotonicTime() &+ order.patience
      guard try waitForWord(of: connection, until: deadline) else {
        throw .silence(seconds: order.patience / 1_000_000_000)
      }
      switch try nextReport(connection) {
      case .progress(let report): progress(report)
      case .done(let written): return .written(located(written))
      case .waiting: return .busy
      case .deferred: return .deferred
      case .copying, .trace: throw .hungUp
      case .failed(var failure):
        if let path = order.output, failure.name.isEmpty, failure.isAboutImage {
          failure.name = path
        }
        throw .agent(failure)
      }
    }
  }

  /// Waits a moment before the agent is asked again.
  borrowing func pause() throws(SaveFailure) {
    let end = monotonicTime() &+ UInt64(CKPT_PROTOCOL_PAUSE)
    // Nobody connects unasked; what would is refused with the next try.
    while try waitForWord(on: listener.descriptor.number, until: end) {
      do throws(Errno) { _ = try listener.accept() } catch { throw .control(error) }
    }
  }

  /// The agent names the image as the program sees it: from its own working directory.
  borrowing func located(_ written: ControlReport.Written) -> ControlReport.Written {
    guard !written.path.isEmpty, !written.path.hasPrefix("/"),
      let folder = try? HostFiles.linkTarget("/proc/\(order.target.pid)/cwd")
    else { return written }
    var written = written
    written.path = folder == "/" ? "/\(written.path)" : "\(folder)/\(written.path)"
    return written
  }

  /// The next report that says how far it is; what comes of the trace is put where the order says.
  borrowing func nextReport(
    _ connection: borrowing ControlConnection
  ) throws(SaveFailure) -> ControlReport {
    while true {
      let report = try anyReport(connection)
      guard case .trace(let lines) = report else { return report }
      order.trace?.append(lines)
    }
  }

  private borrowing func anyReport(
    _ connection: borrowing ControlConnection
  ) throws(SaveFailure) -> ControlReport {
    let message: [UInt8]
    do throws(Errno) { message = try connection.receive() } catch { throw .hungUp }
    guard !message.isEmpty else { throw hasEnded() ? .ended : .hungUp }
    do throws(ControlReport.DecodingFailure) { return try ControlReport(message) } catch {
      switch error {
      case .otherVersion(let version): throw .otherProtocol(version)
      case .malformed: throw .hungUp
      }
    }
  }

  /// Tells the agent that the image counts and, if it was to end, waits until the process has.
  borrowing func finish(_ connection: borrowing ControlConnection) throws(SaveFailure) {
    // The image is complete whether or not the agent still hears of it.
    _ = try? connection.send(ControlDecision.keep.encoded)
    if order.freezes { return try awaitStop() }
    // Whoever wrote it hangs up when it is ready for the next order.
    _ = try? waitForWord(of: connection, until: monotonicTime() &+ UInt64(CKPT_PROTOCOL_PATIENCE))
    guard order.kills else { return }
    do throws(Errno) {
      let ended = try waitReadable(
        [process.descriptor.number], until: monotonicTime() &+ order.patience)
      guard ended[0] else { throw Errno.timedOut }
    } catch {
      throw .survived(seconds: order.patience / 1_000_000_000)
    }
  }

  /// Waits until all threads stand still: the signal reaches one after the other.
  private borrowing func awaitStop() throws(SaveFailure) {
    let deadline = monotonicTime() &+ order.patience
    while true {
      if hasEnded() { throw .ended }
      if let target = try? TargetFacts.read(order.target.pid), target.isStopped { return }
      guard monotonicTime() < deadline else {
        throw .runsOn(seconds: order.patience / 1_000_000_000)
      }
      _ = try? waitReadable([], until: monotonicTime() &+ 1_000_000)
    }
  }

  /// Waits for a message or a signal to this command.
  ///
  /// - Returns: false when the time is over.
  private borrowing func waitForWord(
    of connection: borrowing ControlConnection, until deadline: UInt64
  ) throws(SaveFailure) -> Bool {
    let ready: [Bool]
    do throws(Errno) {
      ready = try waitReadable(
        [connection.descriptor.number, interruptions.descriptor.number], until: deadline)
    } catch {
      throw .control(error)
    }
    if ready[0] || !ready[1] { return ready[0] }
    throw .interrupted(signal: (try? interruptions.next()) ?? 2)
  }

  /// Waits for a message, the target's end or a signal to this command.
  ///
  /// - Returns: false when the time is over.
  private borrowing func waitForWord(
    on descriptor: Int32, until deadline: UInt64
  ) throws(SaveFailure) -> Bool {
    do throws(Errno) {
      let ready = try waitReadable(
        [descriptor, process.descriptor.number, interruptions.descriptor.number],
        until: deadline)
      if ready[0] { return true }
      if !ready[2] {
        if ready[1] { throw Errno.noSuchProcess }
        return false
      }
    } catch {
      throw error == .noSuchProcess ? .ended : .control(error)
    }
    throw .interrupted(signal: (try? interruptions.next()) ?? 2)
  }

  borrowing func hasEnded() -> Bool {
    (try? waitReadable([process.descriptor.number], until: 0))?.first ?? false
  }
}
