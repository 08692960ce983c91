internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Lines for people on the program's standard error, where nobody waits for a record.
///
/// Words and hints are those of `CheckpointImage/Failures`, which `ckpt` uses too.
enum Report {
  static func failure(_ failure: CaptureFailure, to errors: ProgramErrors = .own) {
    var line = Line("ckpt: ")
    append(failure, whole: &line)
    line.append("; the program goes on\n")
    errors.write(&line)
    if let hint = hint(for: failure) {
      var second = Line("hint: ")
      second.append(hint)
      second.append("\n")
      errors.write(&second)
    }
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
    append(failure, to: &line)
    if let text = failure.reason.sentence {
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
    failure.reason.hint ?? failure.step.hint(for: failure.errno)
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
    let phrase = failure.step.phrase
    line.append(phrase.before)
    switch phrase.subject {
    case .none: break
    case .decimal: line.append(decimal: failure.subject)
    case .hexadecimal:
      line.append("0x")
      line.append(hex: failure.subject)
    case .signal:
      line.append("signal ")
      line.append(decimal: failure.subject)
    case .image, .writtenImage: appendImage(failure, to: &line)
    }
    if failure.nameByteCount > 0, !phrase.subject.isImage {
      line.append(" (")
      line.append(at: failure.name, count: Int(failure.nameByteCount))
      line.append(")")
    }
    line.append(phrase.after)
  }

  private static func appendImage(_ failure: CaptureFailure, to line: inout Line) {
    guard failure.nameByteCount > 0 else { return line.append("the image") }
    line.append(at: failure.name, count: Int(failure.nameByteCount))
  }
}
