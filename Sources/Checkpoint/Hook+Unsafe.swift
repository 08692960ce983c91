internal import CkptStub

extension Checkpoint {
  /// When a hook runs, in the thread that saves.
  public enum Event: Int32, Sendable {
    /// Before a checkpoint; the last one registered first.
    case before = 4

    /// After it, in the process that was saved, or could not be.
    case resumed = 5

    /// In a restarted process.
    case restarted = 2
  }

  /// Calls `body` at an event of every checkpoint that this program makes itself, until `off`.
  ///
  /// A checkpoint that comes by a signal runs no Swift.
  ///
  /// - Returns: a number for `off`.
  @discardableResult
  public static func on(
    _ event: Event, _ body: @escaping @Sendable () -> Void
  ) throws(CheckpointError) -> Int32 {
    // Kept for good: a hook that is removed may just be running.
    let hook = unsafe Unmanaged.passRetained(Hook(body))
    return try checked(
      unsafe ckpt_on(
        event.rawValue,
        { argument in
          if let argument = unsafe argument {
            unsafe Unmanaged<Hook>.fromOpaque(argument).takeUnretainedValue().body()
          }
        }, hook.toOpaque()))
  }

  /// Removes a hook.
  public static func off(_ number: Int32) throws(CheckpointError) {
    _ = try checked(ckpt_off(number))
  }

  private final class Hook: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  // MARK: What a restart was given

  /// The arguments of the last restart, `nil`: none.
  public static var restartArguments: [String]? { unsafe texts(ckpt_restart_argv(nil)) }

  /// The environment of the last restart, as `NAME=value`, `nil`: none.
  public static var restartEnvironment: [String]? { unsafe texts(ckpt_restart_envp()) }

  private static func texts(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) -> [String]? {
    guard let list = unsafe list else { return nil }
    var texts: [String] = []
    while let text = unsafe list[texts.count] { texts.append(unsafe String(cString: text)) }
    return texts
  }
}
