internal import Kernel
public import KernelABI

/// A process to be saved, and how.
public struct SaveOrder: Equatable, Sendable {
  public var target: TargetFacts

  /// `nil`: where the agent's own settings say.
  public var output: String?

  /// `nil`: the image is written to a file, as it is.
  public var stream: StreamOrder?
  public var label = ""
  public var kills = false

  /// Whether the program is to stand still afterwards, until somebody thaws it.
  public var freezes = false

  /// Where the agent's trace is to be put, `nil`: it isn't wanted.
  public var trace: TraceText?

  /// Whether it may come back without the filters of seccomp(2) that it has.
  public var forgoesSeccomp = false
  public var manner = SaveManner()

  /// The path of `restart`, for a snapshot executable in `output`; `nil`: an ordinary image.
  public var restartProgram: String?

  /// What of a stream is asked for.
  public enum PrecopyPart: Equatable, Sendable {
    /// The image.
    case none

    /// Memory, copied in rounds while the program runs.
    case first

    /// The image behind them.
    case over
  }

  public var rounds = PrecopyPart.none

  /// Nanoseconds without a word from the agent after which to give up.
  public var patience: UInt64

  public init(target: TargetFacts, patience: UInt64) {
    self.target = target
    self.patience = patience
  }
}

/// An image that is safe on disk.
public struct SavedImage: Equatable, Sendable {
  public var pid: Int32
  public var path: String
  public var written: ControlReport.Written

  /// Whether the process was ended afterwards, as asked.
  public var isKilled: Bool

  /// Whether it stands still, as asked.
  public var isFrozen = false
}

/// Why a process was not saved.
///
/// It goes on as before, whichever it is.
public enum SaveFailure: Error, Equatable, Sendable {
  case target(TargetFailure)
  case output(String, Errno)
  case rename(String, Errno)

  /// The program `restart` can't be read.
  case program(String, Errno)
  case signal(Errno)
  case control(Errno)
  case noAnswer(seconds: UInt64)
  case silence(seconds: UInt64)
  case ended
  case hungUp
  case otherProtocol(UInt32)
  case agent(AgentFailure)
  case interrupted(signal: Int32)
  case survived(seconds: UInt64)

  /// Other checkpoints of it were written all the time.
  case busy(seconds: UInt64)

  /// The image is safe, but the process does not stand still.
  case runsOn(seconds: UInt64)
  case inject(InjectFailure)

  /// The way that the image was to go.
  case stream(StreamFailure)

  /// The program deferred checkpoints all the time.
  case deferred(seconds: UInt64)
}

/// Asks the agent in a process to save it, and waits until the image is safe on disk.
///
/// While another checkpoint of the process is written it waits its turn. `progress` hears how far
/// the writing is, `deferred` that the program puts off checkpoints.
public func save(
  _ order: SaveOrder, deferred: () -> Void = {}, progress: (ControlReport.Progress) -> Void
) throws(SaveFailure) -> SavedImage {
  if let stream = order.stream {
    return try save(order, through: stream, deferred: deferred, progress: progress)
  }
  let delivery = try delivery(for: order)
  var output: OutputFile?
  var passed: [Int32] = []
  let program = try openProgram(order)
  if let path = order.output {
    let file = try openOutput(path)
    passed = [file.number] + [program?.number].compactMap(\.self)
    output = consume file
  }
  let session = try SaveSession.prepared(for: order)
  var turns = SaveAttempts(order, delivery)
  while true {
    let connection = try turns.connect(session, passing: passed, as: output?.path ?? "")
    let answer = try session.follow(connection, progress: progress)
    if case .written(var written) = answer {
      if let file = output.take() {
        written.path = file.path
        if order.restartProgram != nil { try allowExecution(file) }
        try commit(file)
      }
      try session.finish(connection)
      return SavedImage(
        pid: order.target.pid, path: written.path, written: written, isKilled: order.kills,
        isFrozen: order.freezes)
    }
    try turns.awaitNext(session, after: answer, deferred: deferred)
  }
}

extension SaveOrder {
  /// The same with the process as it is now: its threads come and go.
  func looking() throws(SaveFailure) -> SaveOrder {
    var order = self
    do throws(TargetFailure) { order.target = try .read(target.pid) } catch {
      throw .target(error)
    }
    return order
  }
}

/// Nanoseconds that all threads may block the signals before we believe that they always do: they
/// do while another checkpoint is taken.
private let blockedPatience: UInt64 = 300_000_000

/// Nanoseconds that a program which has just begun may take to load its agent.
private let loadPatience: UInt64 = 1_000_000_000

func delivery(for order: SaveOrder) throws(SaveFailure) -> Delivery {
  do throws(TargetFailure) { try checkRoot(order.target.pid) } catch { throw .target(error) }
  let start = Clock.monotonic
  var target = order.target
  while true {
    let age = Clock.monotonic - start
    do throws(TargetFailure) {
      let delivery = try target.delivery(opensMasks: age > blockedPatience)
      try Confinement.check(target, isKnown: order.forgoesSeccomp)
      return delivery
    } catch {
      switch error {
      case .triggerBlocked where age < order.patience: break
      // A tracer that only looks lets it go on at once.
      case .traced where age < min(blockedPatience, order.patience): break
      case .noAgent where age < min(loadPatience, order.patience): break
      case .triggerNotCaught where age < min(loadPatience, order.patience): break
      default: throw .target(error)
      }
    }
    _ = try? waitReadable([], until: Clock.monotonic + 10_000_000)
    do throws(TargetFailure) { target = try .read(target.pid) } catch { throw .target(error) }
  }
}

private func openOutput(_ path: String) throws(SaveFailure) -> OutputFile {
  do throws(Errno) { return try OutputFile(path: path) } catch { throw .output(path, error) }
}

/// As an object: a descriptor that may be there can't be had otherwise.
private final class OpenedProgram {
  private let descriptor: FileDescriptor
  var number: Int32 { descriptor.number }
  init(path: String) throws(Errno) { descriptor = try HostFiles.open(path, .readOnly) }
}

private func openProgram(_ order: SaveOrder) throws(SaveFailure) -> OpenedProgram? {
  guard let path = order.restartProgram, order.output != nil else { return nil }
  do throws(Errno) { return try OpenedProgram(path: path) } catch { throw .program(path, error) }
}

private func allowExecution(_ file: borrowing OutputFile) throws(SaveFailure) {
  let path = file.path
  do throws(Errno) { try file.allowExecution() } catch { throw .rename(path, error) }
}

private func commit(_ file: consuming OutputFile) throws(SaveFailure) {
  let path = file.path
  do throws(Errno) { try file.commit() } catch { throw .rename(path, error) }
}
