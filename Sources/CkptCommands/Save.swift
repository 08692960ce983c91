internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Save: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Save a running program to an image.",
    discussion: """
      Waits until the image is safe on disk, then prints its path, its size, how long the program \
      stood still, and how fast it was written. Whatever goes wrong, the program goes on as before.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The image to write (default: where CKPT_FILE of the program says, else myckpt).",
      valueName: "file"))
  var output: String?

  @Flag(help: "End the program once its image is safe.")
  var kill = false

  @Option(help: ArgumentHelp("Words to keep in the image.", valueName: "text"))
  var label = ""

  @OptionGroup var manner: MannerOptions

  @Flag(help: "Write all of it, even in a series of incremental images.")
  var full = false

  @Flag(help: "Write a program that goes on from there when it is started (see ckpt exe).")
  var exe = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Give up after so long without a word.", valueName: "seconds"))
  var timeout: UInt64 = 60

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: ArgumentHelp("The program, by process ID or name.", valueName: "pid|name"))
  var program: String

  func validate() throws {
    guard (1...86_400).contains(timeout) else {
      throw ValidationError("--timeout takes 1 to 86400 seconds")
    }
    guard label.utf8.count <= 4096 else { throw ValidationError("--label takes up to 4096 bytes") }
    guard output != "" else { throw ValidationError("--output takes the name of a file") }
    guard exe else { return }
    guard output != nil else { throw ValidationError("--exe needs --output") }
    guard !manner.incremental, !manner.precopy, !manner.thin else {
      throw ValidationError("--exe needs all of the memory: no --incremental, --precopy, --thin")
    }
  }

  func run() throws {
    let restart = exe ? try restartProgram() : nil
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    let saved: SavedImage
    let childCount: Int
    do throws(SaveFailure) {
      let target = try target()
      childCount = target.childCount()
      var order = SaveOrder(target: target, patience: timeout * 1_000_000_000)
      order.output = output
      order.label = label
      order.kills = kill
      order.manner = self.order
      if exe { order.restartProgram = restart }
      saved = try save(order) {
        if !quiet {
          writeError(
            "note: the program puts off checkpoints (ckpt_defer); waiting until it allows them\n")
        }
      } progress: { report in
        if let line = bar.line(for: report, at: monotonicTime()) { writeError(line) }
      }
    } catch {
      writeError(bar.erasing)
      throw error.failure(saving: program)
    }
    writeError(bar.erasing)
    guard !quiet else { return }
    if saved.written.cause == .memoryShort {
      writeError("note: memory for a copy-on-write clone is short; the program stood still\n")
    }
    if manner.precopy, saved.written.mode != .precopy {
      writeError(
        output == nil
          ? "note: the program changes memory faster than it could be copied ahead, or can't be watched\n"
          : "note: memory is copied ahead only for the program's own CKPT_FILE, not with -o\n")
    }
    if childCount > 0 { writeError(childNote(childCount)) }
    writeOutput((json ? try jsonText(SaveReport(saved)) : saved.sentence) + "\n")
  }

  /// How the image is to be made.
  var order: SaveManner {
    var order = manner.manner
    order.isFull = full
    order.isExecutable = exe
    return order
  }

  private func childNote(_ count: Int) -> String {
    "note: the image is of this process alone; its \(count) child "
      + "process\(count == 1 ? " is" : "es are") not in it\n"
  }

  private func target() throws(SaveFailure) -> TargetFacts {
    do throws(TargetFailure) {
      if let pid = Int32(program) { return try .read(pid) }
      return try .read(try TargetFacts.find(named: program))
    } catch {
      throw .target(error)
    }
  }
}

extension SavedImage {
  /// Bytes per second, over the time until the image was safe.
  var speed: Double {
    written.duration == 0 ? 0 : Double(written.byteCount) * 1e9 / Double(written.duration)
  }

  var sentence: String {
    let size = byteCountText(written.byteCount)
    let pause = durationText(written.pause)
    let duration = durationText(written.duration)
    let end = isKilled ? "; \(pid) ended" : ""
    let kind = written.isIncremental ? " of changes" : ""
    return "\(path): \(size)\(kind) in \(duration) (\(byteCountText(UInt64(speed)))/s), "
      + "program stood still for \(pause)\(end)"
  }
}

/// The result as `--json` prints it.
struct SaveReport: Encodable {
  let pid: Int32
  let path: String
  let bytes: UInt64
  let pauseNanoseconds: UInt64
  let durationNanoseconds: UInt64
  let bytesPerSecond: UInt64
  let threads: UInt32
  let counter: UInt32
  let killed: Bool
  let mode: String?
  let cause: String?
  let incremental: Bool
  let thin: Bool

  init(_ saved: SavedImage) {
    pid = saved.pid
    path = saved.path
    bytes = saved.written.byteCount
    pauseNanoseconds = saved.written.pause
    durationNanoseconds = saved.written.duration
    bytesPerSecond = UInt64(saved.speed)
    threads = saved.written.threads
    counter = saved.written.counter
    killed = saved.isKilled
    mode = saved.written.mode?.name
    cause = saved.written.cause?.name
    incremental = saved.written.isIncremental
    thin = saved.written.isThin
  }

  enum CodingKeys: String, CodingKey {
    case pid, path, bytes, threads, counter, killed, mode, cause, incremental, thin
    case pauseNanoseconds = "pause_ns"
    case durationNanoseconds = "duration_ns"
    case bytesPerSecond = "bytes_per_second"
  }
}

extension ControlReport.Mode {
  /// As `--json` has it.
  var name: String {
    switch self {
    case .inPlace: "in-place"
    case .copyOnWrite: "copy-on-write"
    case .precopy: "precopy"
    }
  }
}

extension ControlReport.Cause {
  /// As `--json` has it.
  var name: String {
    switch self {
    case .asked: "asked"
    case .memoryShort: "memory-short"
    case .little: "little-to-write"
    case .noClone: "no-clone"
    }
  }
}
