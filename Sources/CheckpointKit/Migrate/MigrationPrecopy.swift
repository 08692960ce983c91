internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What came of the wish to copy memory while the program runs.
enum PrecopyOutcome {
  /// The last of them has gone over; the image is to follow.
  case sent(PrecopyTotals)

  /// The agent can't.
  case refused(AgentFailure)
}

/// Lets the agent send memory through the connection while the program runs, until little is left.
func sendPrecopy(
  _ order: MigrationOrder, to host: borrowing RemoteHost,
  _ progress: (ControlReport.Progress) -> Void
) throws(MigrationFailure) -> PrecopyOutcome {
  var saving = order.saving
  saving.kills = false
  saving.rounds = .first
  let session = try asSave { () throws(SaveFailure) in try SaveSession.prepared(for: saving) }
  let delivery = try asSave { () throws(SaveFailure) in try CheckpointKit.delivery(for: saving) }
  var turns = SaveAttempts(saving, delivery)
  while true {
    let pipe = try asSave { () throws(SaveFailure) in try SavePipe() }
    let connection = try asSave { () throws(SaveFailure) in
      try turns.connect(session, passing: [pipe.writer.number], as: "")
    }
    let reader = pipe.keepReader()
    let answer: SaveSession.Answer
    do throws(SaveFailure) {
      guard let given = try session.hearOfPrecopy(connection) else {
        let memory = memoryByteCount(of: order.target.pid)
        return .sent(
          try session.followPrecopy(reader, to: host.image) {
            progress(.init(done: $0, total: max($0, memory)))
          })
      }
      answer = given
    } catch {
      if case .agent(let failure) = error, failure.step == .copyAhead { return .refused(failure) }
      throw host.failure(error, in: .copying)
    }
    try asSave { () throws(SaveFailure) in try turns.awaitNext(session, after: answer) }
  }
}

/// Bytes of a process that are in memory.
private func memoryByteCount(of pid: Int32) -> UInt64 {
  (try? HostFiles.text(of: "/proc/\(pid)/statm")).map(Candidate.memory(statm:)) ?? 0
}

extension SaveSession {
  /// Waits for the agent's word.
  ///
  /// - Returns: `nil` when memory is being copied.
  fileprivate borrowing func hearOfPrecopy(
    _ connection: borrowing ControlConnection
  ) throws(SaveFailure) -> Answer? {
    _ = try waitForWord(of: connection, -1)
    switch try nextReport(connection) {
    case .copying: return nil
    case .waiting: return .busy
    case .deferred: return .deferred
    case .failed(let failure): throw .agent(failure)
    case .progress, .done, .trace: throw .hungUp
    }
  }

  /// Hands on what the agent's companion writes, until the last frame.
  ///
  /// - Parameter progress: hears of bytes.
  fileprivate borrowing func followPrecopy(
    _ pipe: borrowing FileDescriptor, to sink: any ByteSink, progress: (UInt64) -> Void
  ) throws(SaveFailure) -> PrecopyTotals {
    let block: Block
    do throws(StreamFailure) { block = try Block() } catch { throw .stream(error) }
    var reading = PrecopyReader()
    while !reading.isAtEnd {
      try waitForBytes(of: pipe.number)
      guard try handOn(pipe, block, to: sink), reading.pass(block.address, block.count) else {
        throw .hungUp
      }
      progress(reading.ahead.byteCount)
    }
    return reading.ahead
  }

  private borrowing func waitForBytes(of pipe: Int32) throws(SaveFailure) {
    let ready: [Bool]
    do throws(Errno) {
      ready = try waitReadable(
        [pipe, interruptions.descriptor.number], until: monotonicTime() &+ order.patience)
    } catch {
      throw .control(error)
    }
    if ready[0] { return }
    if ready[1] { throw .interrupted(signal: (try? interruptions.next()) ?? 2) }
    throw .silence(seconds: order.patience / 1_000_000_000)
  }
}
