internal import CImage
internal import Kernel
internal import KernelABI

/// Lines for people on the program's standard error, where nobody waits for a record.
///
/// `ckpt` makes better sentences of the same failures.
enum Report {
  static func failure(_ failure: CaptureFailure, to errors: ProgramErrors = .own) {
    var line = Line("ckpt: ")
    append(failure, whole: &line)
    line.append("; the program goes on\n")
    errors.write(&line)
    if Agent.state.configuration.isVerbose { TraceOutput.showLast(to: errors) }
  }

  /// The same for the program that asked for the checkpoint itself, with what it may do about it.
  static func sentence(of failure: CaptureFailure) -> Line {
    var line = Line()
    append(failure, whole: &line)
    if let hint = hint(for: failure) {
      line.append("; ")
      line.append(hint)
    }
    return line
  }

  private static func append(_ failure: CaptureFailure, whole line: inout Line) {
    line.append("no checkpoint: ")
    line.append(text(of: failure.step))
    append(failure, to: &line)
    if let text = text(of: failure.reason) {
      line.append(": ")
      line.append(text)
    }
    if failure.errno.rawValue != 0 {
      line.append(" (")
      line.append(failure.errno)
      line.append(")")
    }
  }

  private static func hint(for failure: CaptureFailure) -> StaticString? {
    switch failure.errno {
    case .noSpace, .diskQuota: return "make room, or name another place"
    case .accessDenied, .notPermitted, .readOnlyFileSystem:
      return "name a place that may be written to"
    case .isDirectory: return "name a file in it"
    case .noSuchFile, .notDirectory: return "make its folder first"
    default: break
    }
    switch failure.reason {
    case .threadDoesNotStop, .threadBlocksEverySignal: return "try again, or raise CKPT_TIMEOUT"
    case .connectionInProgress, .descriptorsInFlight: return "try again in a moment"
    case .tooManyDescriptors: return "raise the limit (ulimit -n)"
    case .unspecified where failure.step == .prepare:
      return "memory or address space is short (ulimit -v)"
    case .unspecified: return nil
    default: return "let the program give it up before it saves itself"
    }
  }

  /// No periodic checkpoint will come.
  static func noTimer(_ error: Errno) {
    var line = Line("ckpt: no periodic checkpoints: the timer can't be had (")
    line.append(error)
    line.append(")\n")
    line.write(to: 2)
  }

  /// The image is safe, but its series has no link to it.
  static func noLink(_ error: Errno, _ path: ImagePath, to errors: ProgramErrors) {
    var line = Line("ckpt: saved ")
    line.append(at: path.address, count: Int(path.byteCount))
    line.append("; the name without its number can't lead there (")
    line.append(error)
    line.append(")\n")
    errors.write(&line)
  }

  static func success(
    _ outcome: CheckpointRun.Outcome, _ path: ImagePath, to errors: ProgramErrors
  ) {
    var line = Line("ckpt: saved ")
    line.append(at: path.address, count: Int(path.byteCount))
    line.append(", ")
    line.append(decimal: outcome.byteCount >> 10)
    line.append(" KiB, ")
    line.append(decimal: UInt64(outcome.threads))
    line.append(" threads, stopped for ")
    line.append(decimal: outcome.pause / 1_000_000)
    line.append(" ms")
    if let cause = text(ofCause: outcome.cause) {
      line.append(" to write it in place: ")
      line.append(cause)
    }
    line.append("\n")
    errors.write(&line)
  }

  /// Why there was no clone, where nobody had asked for that.
  private static func text(ofCause cause: UInt32) -> StaticString? {
    switch cause {
    case CKPT_CAUSE_MEMORY: "memory for a clone's copies is short"
    case CKPT_CAUSE_NO_CLONE: "the kernel gave no clone"
    default: nil
    }
  }

  private static func append(_ failure: CaptureFailure, to line: inout Line) {
    switch failure.step {
    case .stopThread, .threadState, .descriptor:
      line.append(" ")
      line.append(decimal: failure.subject)
    case .region, .scanPages:
      line.append(" 0x")
      line.append(hex: failure.subject)
    default: break
    }
    guard failure.nameByteCount > 0 else { return }
    line.append(" ")
    line.append(at: failure.name, count: Int(failure.nameByteCount))
  }

  private static func text(of step: CaptureFailure.Step) -> StaticString {
    switch step {
    case .prepare: "preparing"
    case .stopThread: "stopping thread"
    case .threadState: "reading the state of thread"
    case .readRegions: "reading the regions"
    case .region: "region"
    case .scanPages: "reading the pages of region"
    case .descriptors: "reading the descriptors"
    case .descriptor: "descriptor"
    case .process: "reading the process's state"
    case .signals: "reading the signals"
    case .timers: "reading the timers"
    case .openImage: "cannot open"
    case .writeImage: "cannot write"
    case .synchronizeImage: "cannot bring to disk"
    case .renameImage: "cannot give its name to"
    case .control: "talking to ckpt"
    case .layout: "laying out the image"
    case .restartProgram: "cannot take the program restart from"
    case .openParent: "the next has all of the memory, as a link of the chain can't be read:"
    case .copyAhead: "copying memory ahead"
    }
  }

  private static func text(of reason: CaptureFailure.Reason) -> StaticString? {
    switch reason {
    case .unspecified: nil
    case .threadDoesNotStop: "the thread did not stop in time"
    case .threadBlocksEverySignal: "the thread blocks every signal"
    case .deviceMapping: "memory of a device can't be saved"
    case .userfaultfdRegion: "memory under userfaultfd can't be saved"
    case .shadowStack: "shadow stacks can't be saved"
    case .unknownDescriptorKind: "this kind of descriptor can't be restored"
    case .ioUring: "io_uring can't be restored"
    case .connectionInProgress: "a connection is just being made"
    case .descriptorsInFlight: "descriptors are in flight in it"
    case .tooManyDescriptors: "the descriptor table is full"
    case .contentsUnreadable: "its contents can't be read"
    case .peerOutside: "its other end is outside of the process"
    case .protectionKey: "memory protection keys can't be restored"
    case .hugePagesUnreadable: "its huge pages can't be read"
    case .unknownSpecialRegion: "this kind of memory can't be restored"
    }
  }
}
