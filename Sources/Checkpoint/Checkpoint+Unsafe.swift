internal import CkptStub

/// A program that saves itself, if the agent is there: started with `ckpt run` or LD_PRELOAD=libckpt.so.
///
/// Without it every checkpoint throws a `CheckpointError` with ENOSYS, and all else does nothing.
public enum Checkpoint {
  /// What came of it.
  public enum Result: Int32, Sendable {
    /// The policy says: not now; or nothing waited.
    case skipped = 0

    /// The image is safe on disk, and this is the process that was saved.
    case saved = 1

    /// This is a restarted process.
    case restarted = 2

    /// The image is being written; `wait` tells.
    case started = 3

    init(checking value: Int32) throws(CheckpointError) {
      self = Result(rawValue: try checked(value)) ?? .skipped
    }
  }

  /// Whether the agent is in this process.
  public static var isAvailable: Bool { ckpt_available() != 0 }

  /// How many times this process was restarted.
  public static var restarts: Int { Int(ckpt_restarts()) }

  // MARK: Saving

  /// Saves the process and comes back twice: in it, and in a process that is restarted from the image.
  ///
  /// - Parameters:
  ///   - path: may have the fields of CKPT_FILE (`%p`, `%c`, …); `nil`: CKPT_FILE.
  ///   - policy: how and when.
  @discardableResult
  public static func checkpoint(
    to path: String? = nil, _ policy: CheckpointPolicy? = nil
  ) throws(CheckpointError) -> Result {
    // The options must stay as long as the call takes.
    defer { _ = policy }
    let options = unsafe policy?.options
    guard let path else { return try Result(checking: unsafe ckpt_checkpoint(nil, options)) }
    return try Result(checking: unsafe path.withCString { unsafe ckpt_checkpoint($0, options) })
  }

  /// Waits for the image of the last asynchronous call.
  ///
  /// - Parameter time: at most; `nil`: until it is done.
  @discardableResult
  public static func wait(atMost time: Duration? = nil) throws(CheckpointError) -> Result {
    try Result(checking: ckpt_wait(time?.nanoseconds ?? .max))
  }

  // MARK: Not now

  /// Runs `body` without a checkpoint in it; one that was asked for meanwhile is made at its end.
  public static func deferred<R, E>(_ body: () throws(E) -> R) throws(E) -> R {
    ckpt_defer()
    defer { ckpt_allow() }
    return try body()
  }

  /// No checkpoint from now on, until `allow`; they nest.
  public static func `defer`() { ckpt_defer() }

  /// Ends a `defer`; the last one makes the checkpoint that was asked for meanwhile.
  @discardableResult
  public static func allow() throws(CheckpointError) -> Result {
    try Result(checking: ckpt_allow())
  }

  // MARK: Memory

  /// Pages wholly inside are not saved, and come back as zeros; until `include`.
  public static func exclude(_ memory: UnsafeRawBufferPointer) throws(CheckpointError) {
    _ = try checked(unsafe ckpt_exclude(memory.baseAddress, memory.count))
  }

  /// To be called before the memory is given back.
  public static func include(_ memory: UnsafeRawBufferPointer) throws(CheckpointError) {
    _ = try checked(unsafe ckpt_include(memory.baseAddress, memory.count))
  }
}
