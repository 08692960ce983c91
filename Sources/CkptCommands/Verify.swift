internal import ArgumentParser
internal import CheckpointImage
internal import CheckpointKit

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check every byte of an image, and of those it needs.",
    discussion: """
      Exits 0 when all are whole and 65 when one is damaged, missing or another one; says where.
      """)

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: "The image.")
  var image: String

  func run() throws {
    let result: ChainVerification
    do throws(ChainFailure) { result = try verify() } catch { throw error.failure(reading: image) }
    if json {
      writeOutput(try jsonText(result) + "\n")
    } else if result.isIntact && !quiet {
      for link in result.links {
        let size = byteCountText(link.report.byteCount)
        writeOutput("\(link.path): whole (\(size), \(link.report.pieceCount) pages)\n")
      }
    }
    guard let damaged = result.links.first(where: { !$0.report.isIntact }) else { return }
    throw failure(damaged, child: image)
  }

  private func failure(_ link: ChainVerification.Link, child: String) -> CommandFailure {
    let report = link.report
    let isInFiles = report.damages.allSatisfy { $0.owner.hasPrefix("file ") }
    let what = isInFiles ? "refers to files that have changed" : "is damaged"
    let needed = link.path == child ? "" : ", which \(child) needs,"
    return CommandFailure(
      "\(link.path)\(needed) \(what): "
        + "\(report.damagedPieceCount) of \(report.pieceCount) pages",
      status: .damagedImage, hints: report.damages.prefix(10).map(\.sentence))
  }

  private func verify() throws(ChainFailure) -> ChainVerification {
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    defer { writeError(bar.erasing) }
    return try ChainVerification(path: image) { done, total in
      let progress = ControlReport.Progress(done: done, total: total)
      if let line = bar.line(for: progress, at: monotonicTime()) { writeError(line) }
    }
  }
}

extension VerifyReport.Damage {
  var sentence: String {
    "\(byteCountText(byteCount)) at offset \(hexadecimal(fileOffset)), of \(owner)"
  }
}
