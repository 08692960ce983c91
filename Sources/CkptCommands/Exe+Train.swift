internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension Exe {
  /// Runs the executable once, and says what came of it.
  func runTraining() throws {
    let made: TrainedExecutable
    do throws(TrainFailure) { made = try trained() } catch { throw error.failure(training: image) }
    if json {
      writeOutput(try jsonText(TrainReport(made)) + "\n")
    } else if !quiet {
      writeError(
        "\(made.path): \(made.pageCount) pages until the first answer, "
          + "\(made.writtenPageCount) of them written\n")
    }
  }

  private func trained() throws(TrainFailure) -> TrainedExecutable {
    let inherited: Environment
    let words: [[UInt8]]
    do throws(Errno) {
      inherited = try .inherited()
      words = try lastArguments(arguments.count)
    } catch {
      throw .start(error)
    }
    return try CheckpointKit.train(
      image, to: output ?? image, arguments: [Array(image.utf8)] + words, environment: inherited)
  }
}

/// What --json prints.
private struct TrainReport: Encodable {
  let path: String
  let bytes: UInt64
  let pages: UInt64
  let writtenPages: UInt64
  let status: Int32

  init(_ made: TrainedExecutable) {
    path = made.path
    bytes = made.byteCount
    pages = made.pageCount
    writtenPages = made.writtenPageCount
    status = made.status
  }
}

extension TrainFailure {
  /// The words for it; `path` is the executable that was named.
  func failure(training path: String) -> CommandFailure {
    switch self {
    case .image(let failure): return failure.failure(reading: path)
    case .notAnExecutable:
      return CommandFailure(
        "cannot train \(path): it is no snapshot executable", status: .damagedImage,
        hints: ["make one: ckpt exe \(path) -o prog"])
    case .packed:
      return CommandFailure(
        "cannot train \(path): it is compressed, so all of its memory is read before it runs",
        status: .usage, hints: ["make it without --compress"])
    case .start(let errno):
      return CommandFailure(
        "cannot run \(path): \(errno.words)", status: errno.status)
    case .nothingSeen(let status):
      return CommandFailure(
        "nothing was learnt of \(path), which ended with status \(status): "
          + "its memory came at once, or it was killed before it answered",
        hints: ["it takes 1 MiB of memory in one place, and the right to trace what one starts"])
    case .output(let path, let errno):
      return CommandFailure(
        "cannot write \(path): \(errno.words)", status: errno.status,
        hints: errno.outputHint.map { ["\($0)"] } ?? [])
    }
  }
}
