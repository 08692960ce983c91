/// Why a checkpoint failed, where errno does not say.
///
/// Raw values are part of the agent protocol: append, never renumber.
public enum CaptureReason: UInt32, Sendable, BitwiseCopyable {
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

  /// The second half of the sentence, whose subject is the step's.
  ///
  /// `nil` for `unspecified`.
  public var sentence: StaticString? {
    switch self {
    case .unspecified: nil
    case .threadDoesNotStop: "does not stop"
    case .threadBlocksEverySignal: "blocks every signal"
    case .deviceMapping: "is a device's memory"
    case .userfaultfdRegion: "is served by a userfaultfd"
    case .shadowStack: "is a shadow stack"
    case .unknownDescriptorKind: "is of a kind that can't be restored yet"
    case .ioUring: "is an io_uring"
    case .connectionInProgress: "is a connection that is still being made"
    case .descriptorsInFlight: "holds descriptors that were sent and not yet received"
    case .tooManyDescriptors: "the table of descriptors is full"
    case .contentsUnreadable: "has contents that can't be read"
    case .peerOutside: "leads to another process"
    case .protectionKey: "has a protection key that can't be had"
    case .hugePagesUnreadable: "has huge pages that can't be read"
    case .unknownSpecialRegion: "is special memory of a kind that ckpt doesn't know"
    }
  }

  /// What to do about it, `nil` when the step or errno says it.
  public var hint: StaticString? {
    switch self {
    case .unspecified: nil
    case .threadDoesNotStop: "it may be inside vfork(2) or wait for a disk: try again in a moment"
    case .threadBlocksEverySignal: "try again when the thread has opened its signal mask"
    case .deviceMapping: "let the program close the device (a GPU, for example) before it is saved"
    case .userfaultfdRegion: "let the program give up its userfaultfd before it is saved"
    case .shadowStack: "start it with GLIBC_TUNABLES=glibc.cpu.hwcaps=-SHSTK"
    case .unknownDescriptorKind, .peerOutside: "let the program close it before it is saved"
    case .ioUring: "start the program with io_uring switched off (UV_USE_IO_URING=0 for node)"
    case .connectionInProgress, .descriptorsInFlight: "try again in a moment"
    case .tooManyDescriptors: "raise the limit with ulimit -n; the agent needs a few of its own"
    case .contentsUnreadable: "let the program read or close it before it is saved"
    case .protectionKey: "let the program give its protection keys up before it is saved"
    case .hugePagesUnreadable, .unknownSpecialRegion:
      "let the program unmap it before it is saved"
    }
  }
}
