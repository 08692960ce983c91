internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension AgentFailure {
  func failure(saving program: String) -> CommandFailure {
    CommandFailure(
      "cannot save \(program): \(words)", status: errno?.status ?? .failed,
      hints: [hint].compactMap(\.self))
  }

  /// What it was working on, and why that failed.
  var words: String {
    let why = [sentence, reason?.sentence.map { "\($0)" }].compactMap(\.self).joined(
      separator: ": ")
    guard let errno, !hasNothingToCopy else { return why }
    return why + (reason == nil ? ": \(errno.words)" : " (\(errno.name))")
  }

  /// What it was working on.
  private var sentence: String {
    guard let phrase = step?.phrase else {
      return "its agent is newer than this ckpt, and has a reason that ckpt doesn't know"
    }
    if hasNothingToCopy { return "it has no region of 4 MiB that is its own" }
    let named = phrase.subject.isImage || name.isEmpty ? "" : " (\(name))"
    return "\(phrase.before)\(subjectText(phrase.subject))\(named)\(phrase.after)\(progressText)"
  }

  private func subjectText(_ form: CapturePhrase.Subject) -> String {
    switch form {
    case .none: ""
    case .decimal: "\(subject)"
    case .hexadecimal: hexadecimal(subject)
    case .signal: signalName(Int(clamping: subject))
    case .image, .writtenImage: name.isEmpty ? "the image" : name
    }
  }

  private var progressText: String {
    step == .writeImage && subject > 0 ? " after \(byteCountText(subject))" : ""
  }

  /// Not that a file is missing, as ENOENT says else.
  private var hasNothingToCopy: Bool { step == .copyAhead && errno == .noSuchFile }

  private var hint: String? {
    guard let step else {
      return "use the ckpt that came with the libckpt.so it was started with"
    }
    let hint = reason?.hint ?? step.hint(for: errno ?? Errno.none)
    return hint.map { "\($0)" }
  }
}
