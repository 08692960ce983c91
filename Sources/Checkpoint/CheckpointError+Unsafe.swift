internal import CkptStub

/// Why there is no image.
public struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An errno, above 0; ENOSYS (38): the agent is not in this process.
  public let errno: Int32

  /// What, on what, why, what to do.
  public let description: String

  init(_ result: Int32) {
    errno = -result
    description = unsafe String(cString: ckpt_strerror(result))
  }
}

/// - Returns: what the C API returned, if it is no error.
func checked(_ result: Int32) throws(CheckpointError) -> Int32 {
  guard result >= 0 else { throw CheckpointError(result) }
  return result
}
