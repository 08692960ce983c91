internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// What was asked for with a checkpoint, and who waits for its end.
///
/// Without a control socket (a plain `kill -USR2`) everything has its default, and only failures are
/// told, on standard error.
struct Control: BitwiseCopyable {
  private var socket: ControlSocket?
  private var request = ckpt_request()
  private var output: Int32 = -1

  /// The program `restart` for a snapshot executable, -1: nobody handed it over.
  private var program: Int32 = -1

  /// Whether the program asked itself, and nobody else waits.
  let isCall: Bool

  /// The signal frame of the thread that took the signal.
  let context: Address

  /// The message that brought the request; path and label lie in it.
  private let message: Address

  /// Where a report is put together.
  private let reply: Address
  private var nextProgress: UInt64 = 0

  private static let messageCapacity: UInt64 = 16 << 10

  /// Nanoseconds between two reports of progress.
  private static let progressInterval: UInt64 = 50_000_000

  /// - Throws: when `ckpt` asked and can't be reached: then it has given up, and so should we.
  init(_ order: Trigger.Order, scratch: inout Arena) throws(Errno) {
    context = order.context
    isCall = order.isCall && !order.isRequest
    message = try scratch.reserve(Self.messageCapacity)
    reply = try scratch.reserve(UInt64(MemoryLayout<ckpt_report>.size) + ImagePath.capacity)
    guard order.isRequest else { return }
    let socket = try ControlSocket(token: order.value)
    do throws(Errno) {
      try receiveRequest(socket, token: order.value)
    } catch {
      socket.close()
      throw error
    }
    self.socket = socket
  }

  private mutating func receiveRequest(
    _ socket: ControlSocket, token: UInt64
  ) throws(Errno) {
    let received = try socket.receive(to: message, capacity: Self.messageCapacity)
    let count = received.byteCount
    output = received.first
    program = received.second
    let size = UInt64(MemoryLayout<ckpt_request>.size)
    guard count >= size else {
      closeReceived()
      throw .invalid
    }
    request = Memory.load(at: message)
    let isExecutable = request.flags & CKPT_REQUEST_EXECUTABLE != 0
    let wantsDescriptor = request.flags & CKPT_REQUEST_DESCRIPTOR != 0
    let takesStream = request.flags & CKPT_REQUEST_STREAM != 0
    guard request.version == CKPT_PROTOCOL_VERSION, request.token == token,
      UInt64(request.path_bytes) + UInt64(request.label_bytes) + size == count,
      request.path_bytes < UInt32(CKPT_PROTOCOL_PATH_BYTES), wantsDescriptor == (output >= 0),
      (program >= 0) == (isExecutable && wantsDescriptor),
      !takesStream || wantsDescriptor && !isExecutable, takesStream || !hasPrecopyStream
    else {
      closeReceived()
      throw .invalid
    }
  }

  /// Closes the socket, and the file that was not written to.
  func close() {
    socket?.close()
    closeReceived()
  }

  private func closeReceived() {
    if output >= 0 { closeDescriptor(output) }
    if program >= 0 { closeDescriptor(program) }
  }

  /// Whether `ckpt` waits for word.
  var isConnected: Bool { socket != nil }

  var own: AgentDescriptors {
    var own = AgentDescriptors()
    own.control = socket?.number ?? -1
    own.image = output
    own.program = program
    own.tracker = TrackDescriptor.hidden
    return own
  }

  /// Whether the image goes through a pipe or a socket.
  var isStream: Bool { socket != nil && request.flags & CKPT_REQUEST_STREAM != 0 }

  private var hasPrecopyStream: Bool {
    request.flags & (CKPT_REQUEST_ROUNDS | CKPT_REQUEST_BEHIND_ROUNDS) != 0
  }

  /// Whether memory is to be copied to the stream while the program runs, and nothing else.
  var beginsPrecopyStream: Bool { socket != nil && request.flags & CKPT_REQUEST_ROUNDS != 0 }

  /// Whether the image comes behind such rounds.
  var endsPrecopyStream: Bool { socket != nil && request.flags & CKPT_REQUEST_BEHIND_ROUNDS != 0 }

  /// Milliseconds that nobody reads a stream, until it has failed.
  var streamPatience: Int {
    request.stream_patience == 0 ? ImageWriter.patience : Int(request.stream_patience)
  }

  /// Milliseconds to wait for `ckpt`: the last bytes of a stream may be on their way for long.
  private var patience: Int {
    let usual = Int(CKPT_PROTOCOL_PATIENCE / 1_000_000)
    return isStream ? max(usual, streamPatience) : usual
  }

  /// Whether the process is to end once the image is safe.
  var kills: Bool { flags & CKPT_REQUEST_KILL != 0 }

  /// Ends the process: as `ckpt` asked, or with the status that the call gave.
  func end() {
    TraceOutput.finish()
    if isCall { exitGroup(status: Agent.state.call.exitStatus) }
    try? Process.send(Signal.kill, to: Process.ownID)
  }

  /// CKPT_REQUEST_ bits of whoever asked.
  private var flags: UInt32 {
    if socket != nil { return request.flags }
    return isCall ? Agent.state.call.flags : 0
  }

  /// Whether the process is to stand still from then on.
  var freezes: Bool { socket != nil && request.flags & CKPT_REQUEST_FREEZE != 0 }

  /// How the image is to be made.
  var options: CheckpointOptions {
    CheckpointOptions(Agent.state.configuration, flags: flags)
  }

  var label: Address {
    isCall
      ? Agent.state.call.label
      : message + UInt64(MemoryLayout<ckpt_request>.size) + UInt64(request.path_bytes)
  }
  var labelByteCount: UInt64 {
    if isCall { return Agent.state.call.labelByteCount }
    return socket == nil ? 0 : UInt64(request.label_bytes)
  }

  /// What the thread that took the signal was doing before, if `ckpt` looked.
  var sample: CallSample {
    guard socket != nil, request.sampled_tid != 0, request.sampled_call >= 0 else { return .none }
    return CallSample(
      line: SystemCallLine(
        number: request.sampled_call, stackPointer: request.sampled_sp,
        programCounter: request.sampled_pc), waited: request.sampled_waited)
  }

  // MARK: Where to

  /// Whether the image has its place by the pattern of the settings, and so belongs to the series.
  var usesPattern: Bool {
    socket == nil || request.flags & CKPT_REQUEST_DESCRIPTOR == 0 && request.path_bytes == 0
  }

  /// Whether `ckpt` will put the image in the place of the one that the next is a change to.
  func replacesParent(_ scratch: inout Arena) -> Bool {
    guard socket != nil, request.flags & CKPT_REQUEST_DESCRIPTOR != 0, request.path_bytes > 0,
      Agent.state.lineage.depth > 0
    else { return false }
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard var path = try? ImagePath(in: &scratch),
      (try? path.append(
        from: message + UInt64(MemoryLayout<ckpt_request>.size),
        byteCount: UInt64(request.path_bytes))) != nil,
      let status = try? FileStatus(path: path.address),
      let parent = try? FileStatus(path: Agent.parentPath)
    else { return false }
    return status.isSameFile(as: parent)
  }

  /// Whether the image may take another's place.
  var replaces: Bool { !usesPattern || ImagePattern(Agent.state.naming).replaces }

  /// Where the image goes: as asked, or by the pattern.
  func path(_ draft: ImageDraft, _ scratch: inout Arena) throws(Errno) -> ImagePath {
    var path = try ImagePath(in: &scratch)
    guard output < 0 else { return path }
    if request.path_bytes > 0 {
      try path.append(
        from: message + UInt64(MemoryLayout<ckpt_request>.size),
        byteCount: UInt64(request.path_bytes))
    } else {
      let configuration = Agent.state.naming
      try ImagePattern(configuration).put(
        .whole, of: configuration, .init(draft), into: &path)
    }
    return path
  }

  /// Where the image will be: also when `ckpt` opened the file, and gives it its name.
  func lastingPath(_ path: ImagePath, _ scratch: inout Arena) throws(Errno) -> ImagePath {
    guard path.byteCount == 0, socket != nil, request.path_bytes > 0 else { return path }
    var lasting = try ImagePath(in: &scratch)
    try lasting.append(
      from: message + UInt64(MemoryLayout<ckpt_request>.size),
      byteCount: UInt64(request.path_bytes))
    return lasting
  }

  mutating func open(
    _ path: ImagePath, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> ImageOutput {
    do throws(Errno) {
      if output >= 0 {
        let file = FileDescriptor(adopting: output)
        output = -1
        return isStream
          ? try ImageOutput.stream(file, scratch: &draft.scratch)
          : try ImageOutput.given(file, scratch: &draft.scratch)
      }
      return try ImageOutput.create(path, replaces: replaces, scratch: &draft.scratch)
    } catch {
      throw CaptureFailure(
        .openImage, error, name: path.address, nameByteCount: UInt32(path.byteCount))
    }
  }

  /// What makes the image a snapshot executable; `nil`: it is none.
  func frame(
    _ head: ImageLayout, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> SnapshotFrame? {
    guard options.isExecutable else { return nil }
    var search: RestartProgram
    do throws(Errno) {
      search = try RestartProgram(scratch: &draft.scratch)
    } catch {
      throw CaptureFailure(.layout, error)
    }
    do throws(Errno) {
      let file =
        program >= 0
        ? FileDescriptor(adopting: try Descriptors.duplicate(program, atLeast: 0))
        : try search.open(draft, scratch: &draft.scratch)
      return try SnapshotFrame(file, draft, head, scratch: &draft.scratch)
    } catch {
      throw CaptureFailure(
        .restartProgram, error, name: search.path.address,
        nameByteCount: UInt32(search.path.byteCount))
    }
  }

  // MARK: Telling

  mutating func reportProgress(_ done: UInt64, of total: UInt64) {
    guard let socket else { return }
    let now = Clock.monotonic
    guard now >= nextProgress else { return }
    nextProgress = now + Self.progressInterval
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_PROGRESS
    report.bytes_done = done
    report.bytes_total = total
    send(report, naming: .zero, 0, socket)
  }

  /// Tells of success and waits for `ckpt` to accept it.
  ///
  /// - Returns: whether it did; true when nobody has to.
  func reportDone(
    _ outcome: CheckpointRun.Outcome, _ path: ImagePath, to errors: ProgramErrors = .own
  ) -> Bool {
    if outcome.linkError.rawValue != 0 { Report.noLink(outcome.linkError, path, to: errors) }
    guard let socket else {
      if Agent.state.configuration.isVerbose { Report.success(outcome, path, to: errors) }
      return true
    }
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_DONE
    report.bytes_done = outcome.byteCount
    report.bytes_total = outcome.byteCount
    report.pause = outcome.pause
    report.duration = outcome.duration
    report.threads = outcome.threads
    report.counter = outcome.counter
    report.mode = outcome.mode
    report.cause = outcome.cause
    report.flags = outcome.flags
    sendTrace(socket)
    send(report, naming: path.address, path.byteCount, socket)
    guard
      let received = try? socket.receive(to: reply, capacity: 64, milliseconds: patience)
    else { return false }
    if received.first >= 0 { closeDescriptor(received.first) }
    if received.second >= 0 { closeDescriptor(received.second) }
    let commit = Memory.load(ckpt_commit.self, at: reply)
    trace("ckpt's decision is %u (1: it is kept)", commit.decision)
    return received.byteCount == UInt64(MemoryLayout<ckpt_commit>.size)
      && commit.version == CKPT_PROTOCOL_VERSION && commit.decision == CKPT_COMMIT_KEEP
  }

  /// Another checkpoint is being written: `ckpt` asks again.
  func reportWaiting() {
    guard let socket else { return }
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_WAITING
    send(report, naming: .zero, 0, socket)
  }

  /// Memory is being copied while the program runs.
  func reportCopying() {
    guard let socket else { return }
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_COPYING
    send(report, naming: .zero, 0, socket)
  }

  /// The program defers checkpoints: the agent calls when it no longer does.
  func reportDeferred() {
    guard let socket else { return }
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_DEFERRED
    send(report, naming: .zero, 0, socket)
  }

  func reportFailure(_ failure: CaptureFailure, to errors: ProgramErrors = .own) {
    trace(
      "failed: step %u, error %e, reason %u, subject %u", failure.step.rawValue, failure.errno,
      failure.reason.rawValue, failure.subject)
    guard let socket else {
      // In a clone this is the clone's memory, and its page has the word.
      return isCall ? OwnCall.note(failure) : Report.failure(failure, to: errors)
    }
    var report = ckpt_report()
    report.version = CKPT_PROTOCOL_VERSION
    report.kind = CKPT_REPORT_FAILED
    report.step = failure.step.rawValue
    report.error = failure.errno.rawValue
    report.subject = failure.subject
    report.detail = UInt64(failure.reason.rawValue)
    sendTrace(socket)
    send(
      report, naming: failure.name,
      min(UInt64(failure.nameByteCount), ImagePath.capacity - 1), socket)
  }

  /// Sends the trace so far, if it is wanted.
  private func sendTrace(_ socket: ControlSocket) {
    guard request.flags & CKPT_REQUEST_TRACE != 0 else { return }
    let size = UInt64(MemoryLayout<ckpt_report>.size)
    TraceOutput.send(at: reply + size, capacity: ImagePath.capacity - 1) { (count) in
      var report = ckpt_report()
      report.version = CKPT_PROTOCOL_VERSION
      report.kind = CKPT_REPORT_TRACE
      report.path_bytes = UInt32(count)
      Memory.store(report, at: reply)
      socket.send(reply, byteCount: size + count)
    }
  }

  private func send(
    _ report: ckpt_report, naming name: Address, _ nameByteCount: UInt64, _ socket: ControlSocket
  ) {
    var report = report
    report.path_bytes = UInt32(nameByteCount)
    let size = UInt64(MemoryLayout<ckpt_report>.size)
    Memory.store(report, at: reply)
    if nameByteCount > 0 {
      Memory.copy(from: name, to: reply + size, byteCount: nameByteCount)
    }
    socket.send(reply, byteCount: size + nameByteCount)
  }
}
