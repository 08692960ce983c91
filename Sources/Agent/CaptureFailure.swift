public import KernelABI

/// What stopped a checkpoint.
///
/// Plain data: it is thrown with the world stopped and travels to `ckpt` as a fixed-size record,
/// which turns it into a sentence.
public struct CaptureFailure: Error, Equatable, Sendable, BitwiseCopyable {
  /// Raw values are part of the agent protocol: append, never renumber.
  public enum Step: UInt32, Sendable, BitwiseCopyable {
    case prepare = 1  // memory for the agent's own tables
    case stopThread = 2  // subject: TID
    case threadState = 3  // subject: TID
    case readRegions = 4
    case region = 5  // a region that can't be restored; subject: its start, named
    case scanPages = 6  // subject: start of the region
    case descriptors = 7  // reading the descriptor table
    case descriptor = 8  // one that can't be restored; subject: its number, named
    case process = 9  // identity, limits, directories
    case signals = 10  // subject: signal
    case timers = 11
    case openImage = 12  // named: the path
    case writeImage = 13  // subject: bytes written, named
    case synchronizeImage = 14
    case renameImage = 15
    case control = 16  // the control socket
    case layout = 17  // more than the format can hold
    case restartProgram = 18  // `restart`, for a snapshot executable; named, if it was looked for
    case openParent = 19  // an image that the new one was to be a change to, named: the path
    case copyAhead = 20  // while the program runs
  }

  public let step: Step
  public let errno: Errno

  /// What the step was working on: a thread ID, a descriptor or an address, by `step`.
  public let subject: UInt64

  /// Text that names it, copied by whoever reports: it lies in the draft's memory.
  public let name: Address
  public let nameByteCount: UInt32

  /// Why, where errno does not say: one of `Reason`.
  public let reason: Reason

  /// Raw values are part of the agent protocol: append, never renumber.
  public enum Reason: UInt32, Sendable, BitwiseCopyable {
    case unspecified = 0
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
