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

  @Option(
    help: ArgumentHelp(
      "Send the image there: unix:PATH, tcp://HOST:PORT, udp://HOST:PORT.", valueName: "place"))
  var to: StreamPlace?

  @Option(
    help: ArgumentHelp(
      "Compress it: none, lz4, zstd[:LEVEL[:THREADS]] or gzip[:LEVEL].", valueName: "way"))
  var compress = StreamPacking.none

  @Option(help: ArgumentHelp("How it is encrypted: aes-256-gcm or chacha20-poly1305."))
  var cipher = StreamCipher.aes256GCM

  @Option(help: ArgumentHelp("Send each datagram so often (udp).", valueName: "times"))
  var `repeat` = 1

  @OptionGroup var streaming: StreamOptions

  @Flag(help: "End the program once its image is safe.")
  var kill = false

  @Flag(help: "Let the program stand still from then on, until `ckpt thaw`.")
  var freeze = false

  @Flag(help: "Save a program that has seccomp filters; it comes back without them.")
  var withoutSeccomp = false

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

  @Flag(help: "Print what the agent does, phase by phase, on standard error.")
  var trace = false

  @Flag(name: .shortAndLong, help: "When it fails, also print the last lines of the trace.")
  var verbose = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: ArgumentHelp("The program, by process ID or name.", valueName: "pid|name"))
  var program: String

  func validate() throws {
    guard (1...86_400).contains(timeout) else {
      throw ValidationError("--timeout takes 1 to 86400 seconds")
    }
    guard label.utf8.count <= 4096 else { throw ValidationError("--label takes up to 4096 bytes") }
    guard !(kill && freeze) else { throw ValidationError("--kill and --freeze exclude each other") }
    guard output != "" else { throw ValidationError("--output takes the name of a file") }
    guard output == nil || to == nil else {
      throw ValidationError("--output and --to exclude each other")
    }
    guard (1...100).contains(self.repeat) else {
      throw ValidationError("--repeat takes 1 to 100")
    }
    if case .file = to { throw ValidationError("--to takes unix:, tcp:// or udp://; files are -o") }
    if to == nil, output == nil, compress != .none || streaming.hasKey {
      throw ValidationError("say with -o or --to where the image goes")
    }
    if to?.isNetwork == true, !streaming.hasKey {
      throw ValidationError(
        "an image is all of the program's memory: give a key to send it over a network, "
          + "--key FILE of `ckpt keygen -o FILE`")
    }
    guard exe else { return }
    guard output != nil, output != "-" else { throw ValidationError("--exe needs --output") }
    guard !manner.incremental, !manner.precopy, !manner.thin else {
      throw ValidationError("--exe needs all of the memory: no --incremental, --precopy, --thin")
    }
    guard compress == .none || compress == .lz4 else {
      throw ValidationError("--exe takes --compress lz4: the program has to unpack it without help")
    }
    guard !streaming.hasKey else {
      throw ValidationError("--exe makes a program, which can't be encrypted")
    }
  }

  /// `nil`: a file, as it is.
  ///
  /// - Parameter restart: the path of that program, when an executable is to be made.
  private func streamOrder(_ restart: String?) throws(StreamFailure) -> StreamOrder? {
    guard let place = to ?? output.map({ $0 == "-" ? .standard : .file($0) }) else { return nil }
    var order = StreamOrder(place: place)
    if let restart, isPackedExecutable {
      order.executable = ExecutableOrder(program: restart)
      order.executable?.isPacked = true
    } else {
      order.packing = compress
    }
    order.cipher = cipher
    order.repeats = self.repeat
    order.patience = streaming.patience
    order.key = try streaming.sealKey()
    return order.isPlainFile ? nil : order
  }

  func run() throws {
    let restart = exe ? try restartProgram() : nil
    let stream: StreamOrder?
    do throws(StreamFailure) { stream = try streamOrder(restart) } catch {
      throw error.failure("cannot save \(program)")
    }
    if stream?.place == .standard, isTerminal(1) {
      throw CommandFailure(
        "cannot save \(program): standard output is a terminal", status: .usage,
        hints: ["name a file, or lead it into a pipe"])
    }
    var bar = ProgressBar(isShown: !quiet && !json && isTerminal(2), start: monotonicTime())
    let saved: SavedImage
    let childCount: Int
    let lines = trace || verbose ? TraceText() : nil
    do throws(SaveFailure) {
      let target = try target().withAgent(isQuiet: quiet)
      childCount = target.childCount()
      // While there is still time to interrupt it.
      if kill, childCount > 0, !quiet { writeError(childNote(childCount)) }
      var order = SaveOrder(target: target, patience: timeout * 1_000_000_000)
      order.output = output
      order.stream = stream
      order.label = label
      order.kills = kill
      order.freezes = freeze
      order.trace = lines
      order.forgoesSeccomp = withoutSeccomp
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
      if let lines { writeError(traceText(lines, all: trace)) }
      throw error.failure(saving: program)
    }
    writeError(bar.erasing)
    if trace, let lines { writeError(traceText(lines, all: true)) }
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
    if !kill, childCount > 0 { writeError(childNote(childCount)) }
    let words = (json ? try jsonText(SaveReport(saved)) : saved.sentence) + "\n"
    // Standard output has the image.
    if stream?.place == .standard { writeError(words) } else { writeOutput(words) }
  }

  /// - Parameter all: not just the last lines.
  private func traceText(_ trace: TraceText, all: Bool) -> String {
    trace.lines.suffix(all ? .max : 12).map { "trace: \($0)" }.joined()
  }

  /// Whether the image passes through here, to be compressed, on its way into a program.
  private var isPackedExecutable: Bool { exe && compress != .none }

  /// How the image is to be made.
  var order: SaveManner {
    var order = manner.manner
    order.isFull = full
    order.isExecutable = exe && !isPackedExecutable
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
    let end = isKilled ? "; \(pid) ended" : isFrozen ? "; \(pid) is frozen" : ""
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
  let frozen: Bool
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
    frozen = saved.isFrozen
    mode = saved.written.mode?.name
    cause = saved.written.cause?.name
    incremental = saved.written.isIncremental
    thin = saved.written.isThin
  }

  enum CodingKeys: String, CodingKey {
    case pid, path, bytes, threads, counter, killed, frozen, mode, cause, incremental, thin
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
