public import CheckpointImage
public import KernelABI

/// Why the agent gave up: its `CaptureFailure`, as it comes over the socket.
///
/// Steps and reasons are the agent's own types: `CheckpointImage/Failures`.
public struct AgentFailure: Error, Equatable, Sendable {
  public typealias Step = CaptureStep
  public typealias Reason = CaptureReason

  /// `nil` for one that a newer agent knows.
  public let step: Step?

  /// `nil` when errno says why, or for one that a newer agent knows.
  public let reason: Reason?

  /// `nil` when there is none.
  public let errno: Errno?

  /// A thread ID, a descriptor, an address or a count of bytes, by `step`.
  public let subject: UInt64

  /// What it was about: a path or the like; may be empty.
  public var name: String

  /// Whether it happened to the file.
  var isAboutImage: Bool {
    switch step {
    case .openImage, .writeImage, .synchronizeImage, .renameImage: true
    default: false
    }
  }

  public init(step: UInt32, errno: Int32, subject: UInt64, reason: UInt64, name: String) {
    self.step = Step(rawValue: step)
    let known = UInt32(exactly: reason).flatMap(Reason.init(rawValue:))
    self.reason = known == .unspecified ? nil : known
    self.errno = errno == 0 ? nil : Errno(rawValue: errno)
    self.subject = subject
    self.name = name
  }
}
