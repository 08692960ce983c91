internal import ArgumentParser
internal import CheckpointImage
internal import CheckpointKit

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check every byte of an image.",
    discussion: "Exits 0 when the image is whole and 65 when it is damaged; says where.")

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: "The image.")
  var image: String

  func run() throws {
    let report: VerifyReport
    do throws(ImageFailure) { report = try verify() } catch { throw error.failure(reading: image) }
    if json {
      writeOutput(try jsonText(report) + "\n")
    } else if report.isIntact && !quiet {
      let size = byteCountText(report.byteCount)
      writeOutput("\(image): whole (\(size), \(report.pieceCount) pages)\n")
    }
    guard !report.isIntact else { return }
    throw CommandFailure(
      "\(image) is damaged: \(report.damagedPieceCount) of \(report.pieceCount) pages",
      status: .damagedImage, hints: report.damages.prefix(10).map(\.sentence))
  }

  private func verify() throws(ImageFailure) -> VerifyReport {
    let file = try ImageFile(path: image)
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    defer { writeError(bar.erasing) }
    return try file.verify { done in
      let progress = ControlReport.Progress(done: done, total: file.byteCount ?? 0)
      if let line = bar.line(for: progress, at: monotonicTime()) { writeError(line) }
    }
  }
}

extension VerifyReport.Damage {
  var sentence: String {
    "\(byteCountText(byteCount)) at offset \(hexadecimal(fileOffset)), of \(owner)"
  }
}
