public import KernelABI

/// Why the agent gave up: its `CaptureFailure`, as it comes over the socket.
///
/// Raw values are the protocol's; a test holds them against the agent's own.
public struct AgentFailure: Error, Equatable, Sendable {
  public enum Step: UInt32, Sendable {
    case prepare = 1
    case stopThread = 2
    case threadState = 3
    case readRegions = 4
    case region = 5
    case scanPages = 6
    case descriptors = 7
    case descriptor = 8
    case process = 9
    case signals = 10
    case timers = 11
    case openImage = 12
    case writeImage = 13
    case synchronizeImage = 14
    case renameImage = 15
    case control = 16
    case layout = 17
    case restartProgram = 18
    case openParent = 19
    case copyAhead = 20
  }

  public enum Reason: UInt32, Sendable {
    case threadDoesNotStop = 1
    case threadBlocksEverySignal = 2
    case deviceMapping = 3
    case userfaultfdRegion = 4
    case shadowStack = 5
    case unknownDescriptorKind = 6
    case ioUring = 7
    case connectionInProgress = 8
    case descriptorsInFlight = 9
    case tooManyDescriptors = 10
    case contentsUnreadable = 11
    case peerOutside = 12
    case protectionKey = 13
    case hugePagesUnreadable = 14
    case unknownSpecialRegion = 15
  }

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
    self.reason = UInt32(exactly: reason).flatMap(Reason.init(rawValue:))
    self.errno = errno == 0 ? nil : Errno(rawValue: errno)
    self.subject = subject
    self.name = name
  }
}
