internal import Kernel

/// The tries of one request: another checkpoint of the process may be on, or the program defer them.
struct SaveAttempts {
  private let order: SaveOrder
  private let deadline: UInt64
  private var delivery: Delivery
  private var isDeferred = false

  /// Begins the time that the request may wait.
  init(_ order: SaveOrder, _ delivery: Delivery) {
    self.order = order
    self.delivery = delivery
    deadline = monotonicTime() &+ order.patience
  }

  /// Signals the process, unless its agent calls unasked, and tells the agent what is wanted.
  ///
  /// - Parameters: as of `SaveSession.accept`.
  mutating func connect(
    _ session: borrowing SaveSession, passing descriptors: [Int32], as path: String
  ) throws(SaveFailure) -> ControlConnection {
    var sample = ThreadSample.unknown
    while !isDeferred {
      // The signal ends the wait that is to be seen.
      sample = .read(delivery.tid, of: order.target.pid)
      if try session.ask(by: delivery, doing: &sample) { break }
      guard monotonicTime() < deadline else {
        throw .busy(seconds: order.patience / 1_000_000_000)
      }
      delivery = try CheckpointKit.delivery(for: try order.looking())
    }
    return try session.accept(
      by: delivery, doing: sample, until: isDeferred ? deadline : nil, passing: descriptors,
      as: path)
  }

  /// Waits for the next turn, after an answer that was not `.written`.
  ///
  /// - Parameter deferred: hears that the program puts off checkpoints.
  /// - Throws: `.busy` when the time is over.
  mutating func awaitNext(
    _ session: borrowing SaveSession, after answer: SaveSession.Answer,
    deferred: () -> Void = {}
  ) throws(SaveFailure) {
    guard monotonicTime() < deadline else {
      throw .busy(seconds: order.patience / 1_000_000_000)
    }
    isDeferred = answer == .deferred
    guard !isDeferred else { return deferred() }
    try session.pause()
    delivery = try CheckpointKit.delivery(for: try order.looking())
  }
}
