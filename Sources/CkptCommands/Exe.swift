internal import ArgumentParser
internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

struct Exe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a program of an image that goes on from there when it is started.",
    discussion: """
      One ordinary executable file that needs nothing else of ckpt. It has all of the image and of \
      those that it needs; every byte is checked on the way. Its arguments reach the program by \
      ckpt_restart_argv() of ckpt.h; with --ckpt-help alone it says what it is. \
      `ckpt save --exe` makes one straight from a process.

      With --train it is run once with the arguments behind --, and which pages it touches until its \
      first answer is stored in it: from then on those come at once.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The executable to write. With --train: instead of the one that is run.", valueName: "file"))
  var output: String?

  @Flag(help: "Run an executable once, and note in it which pages it needs first.")
  var train = false

  /// Where the program finds itself.
  enum Directory: String, ExpressibleByArgument, CaseIterable {
    case caller, saved
  }

  @Option(help: "The working directory to go on in: the caller's, or the saved one.")
  var directory = Directory.caller

  @Option(
    defaultAsFlag: ExecutablePacking.lz4,
    help: ArgumentHelp(
      "Compress the image, which is unpacked at each start; lz4 only.", valueName: "way"))
  var compress: ExecutablePacking?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: "The image; with --train, the executable.")
  var image: String

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("Behind --: for the program that --train runs.", valueName: "argument"))
  var arguments: [String] = []

  func validate() throws {
    if output?.isEmpty == true { throw ValidationError("The name of the executable is empty.") }
    if compress == .other {
      throw ValidationError("--compress takes lz4; without a word it comes behind the image")
    }
    guard train else {
      if output == nil { throw ValidationError("Say where to write the executable: -o FILE.") }
      guard arguments.isEmpty else {
        throw ValidationError("Only --train takes arguments for the program.")
      }
      return
    }
    if compress != nil {
      throw ValidationError("--compress is for making an executable, not for --train.")
    }
    if directory != .caller {
      throw ValidationError("--directory is for making an executable, not for --train.")
    }
  }

  func run() throws {
    if train { return try runTraining() }
    let output = output ?? ""
    var order = ExecutableOrder(program: try restartProgram())
    order.startsInSavedDirectory = directory == .saved
    order.isPacked = compress == .lz4
    let made: MergedImage
    do throws(MergeFailure) { made = try make(order, output) } catch {
      throw error.failure(merging: image, needsFiles: true)
    }
    if json {
      writeOutput(try jsonText(ExeReport(made)) + "\n")
    } else if !quiet {
      let count = made.imageCount == 1 ? "" : ", made of \(made.imageCount) images"
      writeOutput("\(output): \(byteCountText(made.byteCount))\(count)\n")
    }
  }

  private func make(
    _ order: ExecutableOrder, _ output: String
  ) throws(MergeFailure) -> MergedImage {
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    defer { writeError(bar.erasing) }
    return try makeExecutable(of: image, to: output, order) { done, total in
      let progress = ControlReport.Progress(done: done, total: total)
      if let line = bar.line(for: progress, at: monotonicTime()) { writeError(line) }
    }
  }
}

/// How the image in a snapshot executable may be compressed.
enum ExecutablePacking: ExpressibleByArgument, Equatable {
  case lz4

  /// Any other word, so that it is refused: the parser would take it for no word at all.
  case other

  init?(argument: String) { self = argument == "lz4" ? .lz4 : .other }
}

/// The path of the program `restart`.
func restartProgram() throws -> String {
  do throws(LaunchFailure) {
    let installation: Installation
    do throws(Errno) { installation = try .ofThisProcess() } catch { throw .procUnreadable(error) }
    return try installation.restart()
  } catch {
    throw error.failure
  }
}

/// What --json prints.
private struct ExeReport: Encodable {
  let path: String
  let bytes: UInt64
  let images: Int

  init(_ made: MergedImage) {
    path = made.path
    bytes = made.byteCount
    images = made.imageCount
  }
}
