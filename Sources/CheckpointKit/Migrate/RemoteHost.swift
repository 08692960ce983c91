internal import CKernel
internal import Kernel
internal import KernelABI

/// The other machine, as far as ssh shows it.
struct RemoteHost: ~Copyable {
  private let pid: Int32
  private let process: ProcessHandle
  private let input: FileDescriptor
  private let output: FileDescriptor
  private let interruptions: Interruptions
  let sink: any ByteSink

  /// Where the image goes; `sink`, unless there is a `ckpt` over there that unpacks it.
  var image: any ByteSink

  /// What came behind the last line.
  private var rest: [UInt8] = []

  /// A line of somebody else's may be longer; it is passed over all the same.
  private static let lineLimit = 4096

  /// Starts ssh; signals to this command do not reach it, so that it ends when this says so.
  init(_ order: MigrationOrder, running command: String) throws(MigrationFailure) {
    let words = order.ssh + [order.destination, command]
    do throws(Errno) {
      let interruptions = try Interruptions(withQuit: order.link.isAttached)
      let down = try Pipes.make()
      let input = FileDescriptor(adopting: down.writer)
      let farInput = FileDescriptor(adopting: down.reader)
      let up = try Pipes.make()
      let output = FileDescriptor(adopting: up.reader)
      let farOutput = FileDescriptor(adopting: up.writer)
      let pid = try spawn(words, input: farInput.number, output: farOutput.number)
      process = try ProcessHandle(pid)
      sink = RemoteSink(
        input.number, interruptions: interruptions.descriptor.number, patience: order.patience)
      image = sink
      self.pid = pid
      self.interruptions = interruptions
      self.input = input
      self.output = output
    } catch {
      throw .ssh(order.ssh.first ?? "", error)
    }
  }

  /// Nobody is left: whoever waits over there finds the end of its input.
  deinit {
    _ = try? Process.send(9, to: pid)
    _ = try? Wait.status(of: pid)
  }

  /// The next word.
  ///
  /// - Parameter deadline: CLOCK_MONOTONIC, in nanoseconds.
  mutating func word(
    in phase: MigrationPhase, until deadline: UInt64, seconds: UInt64
  ) throws(MigrationFailure) -> RemoteReply {
    while true {
      while let line = nextLine() {
        if let word = RemoteReply(line: line) { return word }
      }
      try read(phase, until: deadline, seconds: seconds)
    }
  }

  private mutating func nextLine() -> String? {
    guard let end = rest.firstIndex(of: 0x0A) else {
      if rest.count > Self.lineLimit { rest.removeAll() }
      return nil
    }
    defer { rest.removeSubrange(...end) }
    return String(decoding: rest[..<end], as: UTF8.self)
  }

  private mutating func read(
    _ phase: MigrationPhase, until deadline: UInt64, seconds: UInt64
  ) throws(MigrationFailure) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var count: UInt64 = 0
    do throws(Errno) {
      let ready = try waitReadable(
        [output.number, interruptions.descriptor.number], until: deadline)
      if ready[1] { throw .interrupted }
      guard ready[0] else { throw .timedOut }
      let file = output.number
      count = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
        try Files.read(file, to: address, byteCount: 4096)
      }
    } catch {
      switch error {
      case .interrupted: throw .interrupted(phase, signal: (try? interruptions.next()) ?? 2)
      case .timedOut: throw .timedOut(phase, seconds: seconds)
      default: throw .ended(phase, status: nil)
      }
    }
    guard count > 0 else { throw .ended(phase, status: endStatus()) }
    rest += buffer[0..<Int(count)]
  }

  /// The exit status of ssh, which has closed its output; `nil` when it was killed or stays.
  private borrowing func endStatus() -> Int32? {
    let patience: UInt64 = 5_000_000_000
    guard
      (try? waitReadable([process.descriptor.number], until: monotonicTime() &+ patience))?.first
        == true
    else { return nil }
    // Left to be waited for: its number stays its own until `deinit`.
    guard let event = try? Wait.event(of: .process(pid), .exited | .stays), event.code == 1 else {
      return nil
    }
    return Int32(truncatingIfNeeded: event.value)
  }

  /// Readable when a signal has come.
  var interruption: Int32 { interruptions.descriptor.number }

  /// Stays with the program, which runs over there, until it has ended.
  ///
  /// - Returns: its exit status.
  mutating func attend(_ pid: Int32) throws(MigrationFailure) -> Int32 {
    let attendance = AttachedSession(
      input: input.number, output: output.number, interruptions: interruption, incoming: rest)
    guard let status = attendance.run(nextSignal: { try? interruptions.next() }) else {
      throw .cutOff(pid: pid)
    }
    // What it has written last as an error may still be on its way.
    _ = endStatus()
    return status
  }

  /// Sends bytes that the other side has asked for.
  borrowing func send(
    _ bytes: [UInt8], in phase: MigrationPhase
  ) throws(MigrationFailure) {
    var failure: StreamFailure?
    _ = try? withAddress(ofBytes: bytes) { address throws(Errno) in
      do throws(StreamFailure) { try sink.write(address, bytes.count) } catch { failure = error }
    }
    if let failure { throw self.failure(failure, in: phase) }
  }

  /// What a failure to send means: who has gone has said why.
  borrowing func failure(
    _ failure: StreamFailure, in phase: MigrationPhase
  ) -> MigrationFailure {
    switch failure {
    case .stalled(_, let milliseconds):
      return .timedOut(phase, seconds: UInt64(milliseconds) / 1000)
    case .write(_, .interrupted):
      return .interrupted(phase, signal: (try? interruptions.next()) ?? 2)
    default: return .ended(phase, status: endStatus())
    }
  }
}
