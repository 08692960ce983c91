internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension ImageFailure {
  func failure(reading path: String) -> CommandFailure {
    switch self {
    case .unreadable(let errno):
      return CommandFailure("cannot read \(path): \(errno.words)", status: errno.status)
    case .notAFile(let kind):
      return CommandFailure(
        "cannot read \(path): it is \(kind.words), not a file", status: .damagedImage,
        hints: ["name the image itself"])
    case .empty:
      return CommandFailure(
        "cannot read \(path): the file is empty", status: .damagedImage,
        hints: ["was its disk full when it was copied?"])
    case .packed(let failure): return failure.failure("cannot read \(path)")
    case .refused(let error):
      return CommandFailure(
        "cannot read \(path): \(error)", status: .damagedImage, hints: [error.hint])
    }
  }
}

extension ImageError {
  fileprivate var hint: String {
    switch refusal {
    case .notElf, .foreignElf, .notACheckpoint: "is it the file that ckpt save or SIGUSR2 wrote?"
    case .truncated, .wrongFileSize: "was it copied whole? compare its size with the original's"
    case .unsupportedFormat, .unsupportedTable, .unknownRequiredNote, .unsupportedHandoff,
      .unsupportedExecutable:
      "read it with the ckpt that is as new as the libckpt.so that wrote it"
    default: "the image is damaged: use another copy of it"
    }
  }
}

extension FileKind {
  fileprivate var words: String {
    switch self {
    case .directory: "a directory"
    case .fifo: "a FIFO"
    case .character, .block: "a device"
    case .socket: "a socket"
    default: "something else"
    }
  }
}
