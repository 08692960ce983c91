public import CheckpointImage
public import KernelABI

/// What stopped a checkpoint.
///
/// Plain data: it is thrown with the world stopped and travels to `ckpt` as a fixed-size record,
/// which turns it into a sentence.
public struct CaptureFailure: Error, Equatable, Sendable, BitwiseCopyable {
  public typealias Step = CaptureStep
  public typealias Reason = CaptureReason

  public let step: Step
  public let errno: Errno

  /// What the step was working on: a thread ID, a descriptor or an address, by `step`.
  public let subject: UInt64

  /// Text that names it, copied by whoever reports: it lies in the draft's memory.
  public let name: Address
  public let nameByteCount: UInt32

  /// Why, where errno does not say: one of `Reason`.
  public let reason: Reason

  public init(
    _ step: Step, _ errno: Errno = Errno.none, subject: UInt64 = 0,
    reason: Reason = .unspecified, name: Address = .zero, nameByteCount: UInt32 = 0
  ) {
    self.step = step
    self.errno = errno
    self.subject = subject
    self.reason = reason
    self.name = name
    self.nameByteCount = nameByteCount
  }
}

/// Runs kernel calls and says which step they belonged to if one fails.
@inline(__always) @discardableResult
func during<R: ~Copyable>(
  _ step: CaptureFailure.Step, on subject: UInt64 = 0, _ body: () throws(Errno) -> R
) throws(CaptureFailure) -> R {
  do throws(Errno) {
    return try body()
  } catch {
    throw CaptureFailure(step, error, subject: subject)
  }
}
