internal import ArgumentParser
internal import CheckpointImage
internal import CheckpointKit

struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make one full image of an incremental one and those it needs.",
    discussion: """
      The new image stands alone, and is the same one in another form: incremental images that need \
      the old one take the new one under its name as well. Every byte is checked on the way.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write the full image there; IMAGE itself may be named.", valueName: "file"))
  var output: String

  @Flag(help: "Take in what a thin image leaves in the program's own files, too.")
  var thick = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: "The image.")
  var image: String

  func validate() throws {
    if output.isEmpty { throw ValidationError("The name of the full image is empty.") }
  }

  func run() throws {
    let merged: MergedImage
    do throws(MergeFailure) { merged = try merge() } catch { throw error.failure(merging: image) }
    if json {
      writeOutput(try jsonText(MergeReport(merged)) + "\n")
    } else if !quiet {
      let count = merged.imageCount == 1 ? "1 image" : "\(merged.imageCount) images"
      writeOutput("\(output): \(byteCountText(merged.byteCount)), made of \(count)\n")
    }
  }

  private func merge() throws(MergeFailure) -> MergedImage {
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    defer { writeError(bar.erasing) }
    return try CheckpointKit.merge(image, to: output, isThick: thick) { done, total in
      let progress = ControlReport.Progress(done: done, total: total)
      if let line = bar.line(for: progress, at: monotonicTime()) { writeError(line) }
    }
  }
}

/// What --json prints.
private struct MergeReport: Encodable {
  let path: String
  let bytes: UInt64
  let images: Int
  let bytesFromFiles: UInt64

  private enum CodingKeys: String, CodingKey {
    case path, bytes, images
    case bytesFromFiles = "bytes_from_files"
  }

  init(_ merged: MergedImage) {
    path = merged.path
    bytes = merged.byteCount
    images = merged.imageCount
    bytesFromFiles = merged.fileDataByteCount
  }
}
