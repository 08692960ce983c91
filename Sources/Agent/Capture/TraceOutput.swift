internal import CImage
internal import Kernel
internal import KernelABI

/// What becomes of the lines of one checkpoint: whoever ends it, leader or clone, gives them away.
///
/// To the file of CKPT_TRACE, to a `ckpt save` that wants them, and the last ones to standard error when
/// a checkpoint that nobody waited for has failed (CKPT_VERBOSE). Stopped-world safe.
enum TraceOutput {
  /// Lines that a failure shows.
  private static let lastCount: UInt64 = 12

  static func begin(_ order: Trigger.Order) {
    Agent.state.traceStart = TraceRing.own.count
    trace(
      "checkpoint %u of process %d, by %s", Agent.state.counter + 1, Process.ownID,
      order.isRequest ? "ckpt save" as StaticString : order.isCall ? "a call" : "a signal")
    guard Agent.state.configuration.traceByteCount > 0, !Agent.state.saidTraceFails else { return }
    do throws(Errno) { try open().close() } catch { complain(error) }
  }

  /// The clone has a copy of the lines, and adds its own.
  static func leaveToClone() { Agent.state.traceStart = .max }

  /// Appends the lines to the file of CKPT_TRACE.
  static func finish() {
    let start = Agent.state.traceStart
    Agent.state.traceStart = .max
    guard start != .max, Agent.state.configuration.traceByteCount > 0, let file = try? open()
    else { return }
    TraceLine.each(of: .own, from: start) { $0.write(to: file.number) }
    WriteSignals.forget()
  }

  /// Source: open(2); a FIFO that nobody reads is not waited for.
  private static func open() throws(Errno) -> FileDescriptor {
    try withAddress(of: &Agent.state.configuration.traceFile) { (path) throws(Errno) in
      try FileDescriptor(
        path: path, .writeOnly | .create | .append | .noControllingTerminal | .nonBlocking,
        mode: 0o600)
    }
  }

  private static func complain(_ error: Errno) {
    Agent.state.saidTraceFails = true
    var line = Line("ckpt: no trace: cannot write ")
    let count = Agent.state.configuration.traceByteCount
    _ = try? withAddress(of: &Agent.state.configuration.traceFile) { (path) throws(Errno) in
      line.append(at: path, count: min(count, 300))
    }
    line.append(" (")
    line.append(error)
    line.append("); the program and its checkpoints go on\n")
    line.write(to: 2)
  }

  /// The last lines, for people.
  static func showLast(to errors: ProgramErrors) {
    let ring = TraceRing.own
    let start = min(Agent.state.traceStart, ring.count)
    let first = max(start, ring.count - min(ring.count, lastCount))
    TraceLine.each(of: ring, from: first, zero: start) { (text) in
      var line = Line("ckpt: trace: ")
      text.withText { line.append(at: $0, count: $1) }
      errors.write(&line)
    }
  }

  /// Sends all lines of this checkpoint, in messages of up to `capacity` bytes.
  ///
  /// - Parameter room: where a message is put together.
  static func send(
    at room: Address, capacity: UInt64, _ send: (_ byteCount: UInt64) -> Void
  ) {
    guard Agent.state.traceStart != .max else { return }
    var count: UInt64 = 0
    TraceLine.each(of: .own, from: Agent.state.traceStart) { (line) in
      if count + UInt64(line.count) > capacity {
        send(count)
        count = 0
      }
      line.withText { Memory.copy(from: $0, to: room + count, byteCount: UInt64($1)) }
      count += UInt64(line.count)
    }
    if count > 0 { send(count) }
  }
}
