internal import Kernel
internal import KernelABI

/// Saves a process through a pipe of ours: the image goes on as it comes, and is never on disk here.
func save(
  _ order: SaveOrder, through stream: StreamOrder, deferred: () -> Void,
  progress: (ControlReport.Progress) -> Void
) throws(SaveFailure) -> SavedImage {
  let delivery = try delivery(for: order)
  // Before the program hears of it: who isn't there can't be written to.
  let output = try sending { () throws(StreamFailure) in try OpenedSink(stream) }
  let session = try SaveSession.prepared(for: order)
  var turns = SaveAttempts(order, delivery)
  while true {
    let pipe = try SavePipe()
    let connection = try turns.connect(session, passing: [pipe.writer.number], as: "")
    let reader = pipe.keepReader()
    let answer = try session.follow(connection, reader, to: output.sink, progress: progress)
    if case .written(var written) = answer {
      try sending { () throws(StreamFailure) in
        try output.sink.finish()
        try output.commit()
      }
      written.path = stream.place.text
      try session.finish(connection)
      return SavedImage(
        pid: order.target.pid, path: written.path, written: written, isKilled: order.kills,
        isFrozen: order.freezes)
    }
    try turns.awaitNext(session, after: answer, deferred: deferred)
  }
}

private func sending<R>(_ body: () throws(StreamFailure) -> R) throws(SaveFailure) -> R {
  do throws(StreamFailure) { return try body() } catch { throw .stream(error) }
}

/// The pipe that the agent writes to.
struct SavePipe: ~Copyable {
  let reader: FileDescriptor
  let writer: FileDescriptor

  init() throws(SaveFailure) {
    do throws(Errno) {
      let ends = try Pipes.make()
      reader = FileDescriptor(adopting: ends.reader)
      writer = FileDescriptor(adopting: ends.writer)
      _ = try? Pipes.setCapacity(ends.reader, Block.size)
    } catch {
      throw .control(error)
    }
  }

  /// Lets go of the end that is the agent's now: else the pipe would never be at its end.
  consuming func keepReader() -> FileDescriptor { reader }
}

extension SaveSession {
  /// Hands on what the agent writes, until it has said how it went and the pipe is at its end.
  ///
  /// - Returns: never `.written` when it was not all handed on.
  borrowing func follow(
    _ connection: borrowing ControlConnection, _ pipe: borrowing FileDescriptor,
    to sink: any ByteSink, progress: (ControlReport.Progress) -> Void
  ) throws(SaveFailure) -> Answer {
    let block = try sending { () throws(StreamFailure) in try Block() }
    var count: UInt64 = 0
    var written: ControlReport.Written?
    var isAtEnd = false
    while written == nil || !isAtEnd {
      let ready = try waitForWord(of: connection, isAtEnd ? -1 : pipe.number)
      if ready.pipe {
        isAtEnd = try !handOn(pipe, block, to: sink)
        count += UInt64(block.count)
      } else if written == nil {
        switch try nextReport(connection) {
        case .progress(let report): progress(report)
        case .done(let report): written = report
        case .waiting: return .busy
        case .deferred: return .deferred
        case .copying, .trace: throw .hungUp
        case .failed(let failure): throw .agent(failure)
        }
      }
    }
    guard let written, written.byteCount == count else { throw .hungUp }
    return .written(written)
  }

  /// - Returns: false at the end.
  borrowing func handOn(
    _ pipe: borrowing FileDescriptor, _ block: Block, to sink: any ByteSink
  ) throws(SaveFailure) -> Bool {
    block.count = 0
    do throws(Errno) {
      block.count = Int(try pipe.read(to: block.address, byteCount: UInt64(block.capacity)))
    } catch {
      throw .control(error)
    }
    guard block.count > 0 else { return false }
    try sending { () throws(StreamFailure) in try sink.write(block.address, block.count) }
    return true
  }

  /// Waits for bytes or a message: bytes first, since the last word comes behind them.
  borrowing func waitForWord(
    of connection: borrowing ControlConnection, _ pipe: Int32
  ) throws(SaveFailure) -> (pipe: Bool, message: Bool) {
    let ready: [Bool]
    do throws(Errno) {
      ready = try waitReadable(
        [connection.descriptor.number, interruptions.descriptor.number, pipe],
        until: monotonicTime() &+ order.patience)
    } catch {
      throw .control(error)
    }
    if ready[2] { return (true, false) }
    if ready[0] { return (false, true) }
    if ready[1] { throw .interrupted(signal: (try? interruptions.next()) ?? 2) }
    throw .silence(seconds: order.patience / 1_000_000_000)
  }
}
