internal import Kernel
internal import KernelABI

/// Moves a process to another machine: it runs there, and has ended here.
///
/// Of the two exactly one runs. The original stands still in its agent while its image goes over; who
/// puts it together there says `ready`, and waits. Only then is the original stopped (SIGSTOP), so
/// that it stays so even if this command is killed, and `go` is sent; on `runs` it is ended, on
/// `failed` it goes on. Whatever goes wrong before `go`: it goes on here, and never runs there, since
/// who waits there finds the end of its input. Only when the connection is cut between `go` and the
/// answer nobody can know: then the original stays stopped, for somebody to look and decide.
///
/// - Parameter isRunning: hears that it runs there, before an attached program is waited for.
public func migrate(
  _ order: MigrationOrder, progress: (ControlReport.Progress) -> Void,
  isRunning: (Migrated) -> Void
) throws(MigrationFailure) -> Migrated {
  let program = try program(order.restart)
  let helper = try order.link.helper.map(CheckpointKit.program)
  // Twice ours: who waits here is the first to say so.
  let script = RemoteScript(
    byteCount: UInt64(program.count), ids: order.ids,
    patience: 2 * order.patience / 1_000_000_000 + 1, output: order.output,
    map: order.map, helper: order.link.scripted(helper))
  var host = try RemoteHost(order, running: script.command)
  try host.expect(.send, in: .connecting, within: order.connectPatience)
  try host.send(program, in: .preparing)
  try host.prepare(helper, order)
  var migrated =
    order.precopies
    ? try moveAhead(order, to: &host, progress)
    : try move(order, order.saving, to: &host, progress)
  isRunning(migrated)
  if order.link.isAttached { migrated.status = try host.attend(migrated.pid) }
  return migrated
}

/// Sends memory while the program runs on, then moves it; where that can't be, it is moved at once.
private func moveAhead(
  _ order: MigrationOrder, to host: inout RemoteHost, _ progress: (ControlReport.Progress) -> Void
) throws(MigrationFailure) -> Migrated {
  var saving = order.saving
  switch try sendPrecopy(order, to: host, progress) {
  case .refused(let failure):
    var migrated = try move(order, saving, to: &host, progress)
    migrated.obstacle = failure
    return migrated
  case .sent(let ahead):
    saving.rounds = .over
    var migrated = try move(order, saving, to: &host, progress)
    migrated.ahead = ahead
    return migrated
  }
}

private func program(_ path: String) throws(MigrationFailure) -> [UInt8] {
  do throws(Errno) { return try HostFiles.contents(of: path) } catch { throw .program(path, error) }
}

extension RemoteHost {
  /// Waits for one certain word.
  mutating func expect(
    _ wanted: RemoteReply, in phase: MigrationPhase, within nanoseconds: UInt64
  ) throws(MigrationFailure) {
    let word = try word(
      in: phase, until: monotonicTime() &+ nanoseconds, seconds: nanoseconds / 1_000_000_000)
    guard word == wanted else { throw .refused(phase) }
  }
}

/// Saves the process through the connection, and lets one of the two run.
private func move(
  _ order: MigrationOrder, _ saving: SaveOrder, to host: inout RemoteHost,
  _ progress: (ControlReport.Progress) -> Void
) throws(MigrationFailure) -> Migrated {
  let session = try asSave { () throws(SaveFailure) in try SaveSession.prepared(for: saving) }
  let delivery = try asSave { () throws(SaveFailure) in try CheckpointKit.delivery(for: saving) }
  var turns = SaveAttempts(saving, delivery)
  while true {
    let pipe = try asSave { () throws(SaveFailure) in try SavePipe() }
    let start = monotonicTime()
    let connection = try asSave { () throws(SaveFailure) in
      try turns.connect(session, passing: [pipe.writer.number], as: "")
    }
    let reader = pipe.keepReader()
    let answer = try send(session, connection, reader, to: host, progress)
    if case .written(let written) = answer {
      try host.finishImage()
      try host.expect(.ready, in: .placing, within: order.patience)
      var migrated = try decide(order, session, connection, &host)
      migrated.byteCount = written.byteCount
      migrated.downtime = monotonicTime() &- start
      return migrated
    }
    try asSave { () throws(SaveFailure) in try turns.awaitNext(session, after: answer) }
  }
}

private func send(
  _ session: borrowing SaveSession, _ connection: borrowing ControlConnection,
  _ reader: borrowing FileDescriptor, to host: borrowing RemoteHost,
  _ progress: (ControlReport.Progress) -> Void
) throws(MigrationFailure) -> SaveSession.Answer {
  do throws(SaveFailure) {
    return try session.follow(connection, reader, to: host.image, progress: progress)
  } catch {
    throw host.failure(error, in: .sending)
  }
}

extension RemoteHost {
  /// What a failure to hand on what the agent writes means.
  borrowing func failure(
    _ failure: SaveFailure, in phase: MigrationPhase
  ) -> MigrationFailure {
    switch failure {
    case .stream(let failure): self.failure(failure, in: phase)
    case .interrupted(let signal): .interrupted(phase, signal: signal)
    default: .save(failure)
    }
  }
}

/// All is in place over there: lets the process run there, and ends it here.
private func decide(
  _ order: MigrationOrder, _ session: borrowing SaveSession,
  _ connection: borrowing ControlConnection, _ host: inout RemoteHost
) throws(MigrationFailure) -> Migrated {
  var original: StoppedProcess
  do throws(Errno) { original = try StoppedProcess(of: order.target.pid) } catch {
    throw .unstoppable(error)
  }
  // Its agent may have lost its patience, and let it go on before it was stopped.
  guard session.isHeld(connection) else { throw .save(.hungUp) }
  do throws(MigrationFailure) { try host.send(order.link.go, in: .starting) } catch {
    original.keep()
    throw .undecided
  }
  switch try answer(order, &host, &original) {
  case .runs(let pid):
    let isEnded = original.end()
    return Migrated(pid: pid, isOriginalLeft: !isEnded)
  default: throw .refused(.starting)
  }
}

/// What came of `go`.
private func answer(
  _ order: MigrationOrder, _ host: inout RemoteHost, _ original: inout StoppedProcess
) throws(MigrationFailure) -> RemoteReply {
  let deadline = monotonicTime() &+ order.patience
  while true {
    do throws(MigrationFailure) {
      return try host.word(
        in: .starting, until: deadline, seconds: order.patience / 1_000_000_000)
    } catch {
      // It is too late to be interrupted: the answer tells who runs.
      if case .interrupted = error { continue }
      original.keep()
      throw .undecided
    }
  }
}

extension SaveSession {
  /// Whether the agent still waits for the decision, and so holds the process.
  borrowing func isHeld(_ connection: borrowing ControlConnection) -> Bool {
    (try? waitReadable([connection.descriptor.number], until: 0))?.first == false
  }
}

func asSave<R: ~Copyable>(
  _ body: () throws(SaveFailure) -> R
) throws(MigrationFailure) -> R {
  do throws(SaveFailure) { return try body() } catch { throw .save(error) }
}
