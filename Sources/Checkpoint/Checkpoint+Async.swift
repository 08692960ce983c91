extension Checkpoint {
  /// Saves the process without holding up the task's executor: a thread of its own makes the call.
  ///
  /// - Returns: as `checkpoint(to:_:)`, in both processes.
  @discardableResult
  public static func checkpoint(
    to path: String? = nil, _ policy: CheckpointPolicy? = nil
  ) async throws(CheckpointError) -> Result {
    let answer: Swift.Result<Result, CheckpointError> = await withCheckedContinuation { waiting in
      CallThread.run {
        do throws(CheckpointError) {
          waiting.resume(returning: .success(try save(to: path, policy)))
        } catch {
          waiting.resume(returning: .failure(error))
        }
      }
    }
    return try answer.get()
  }

  /// The call that waits, by a name that does not depend on where it is used.
  private static func save(
    to path: String?, _ policy: CheckpointPolicy?
  ) throws(CheckpointError) -> Result {
    try checkpoint(to: path, policy)
  }
}
