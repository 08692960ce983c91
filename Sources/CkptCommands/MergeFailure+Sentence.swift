internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension MergeFailure {
  /// The words for it; `image` is the one that was named.
  ///
  /// - Parameter needsFiles: what thin images leave in files has to go into what is made.
  func failure(merging image: String, needsFiles: Bool = false) -> CommandFailure {
    switch self {
    case .chain(let failure): return failure.failure(reading: image)
    case .data(let path, let failure):
      let inner = failure.failure(reading: path)
      return CommandFailure(
        inner.sentence, status: inner.status,
        hints: [
          path == image ? "ckpt verify tells more" : "\(image) needs it; ckpt verify tells more"
        ])
    case .file(let path, let child, let errno):
      return CommandFailure(
        "cannot read \(path), of which \(child) has no copy: \(errno.words)",
        status: errno.status,
        hints: [
          needsFiles
            ? "put it back; images made without --thin don't need it"
            : "without --thick the file isn't read, and has to be there at restart"
        ])
    case .changedFile(let path, let child, let offset):
      return CommandFailure(
        "cannot merge \(image): \(path) is not what it was when \(child) was written "
          + "(at offset \(hexadecimal(offset)))", status: .damagedImage,
        hints: ["put back the file that the program was running with"])
    case .needed(let path, let child):
      return CommandFailure(
        "cannot write \(path): \(child) needs the image that is there",
        hints: ["give the merged image another name, or that of \(image)"])
    case .program(let path, .noExec):
      return CommandFailure(
        "cannot make \(path) the beginning of an executable: it is no restart of this version",
        hints: ["install ckpt and restart of one version"])
    case .program(let path, let errno):
      return CommandFailure(
        "cannot read the program \(path): \(errno.words)", status: errno.status)
    case .output(let path, let errno):
      return CommandFailure(
        "cannot write \(path): \(errno.words)", status: errno.status,
        hints: errno.outputHint.map { ["\($0)"] } ?? [])
    }
  }
}
