internal import CImage
internal import CheckpointImage
internal import Kernel
public import KernelABI

/// `restart`, from its first instruction in Swift to the program's end.
public enum RestartMain {
  /// - Parameters:
  ///   - stack: what the kernel laid down for a new process.
  ///   - own: where this program lies, its stack included.
  ///   - note: where it says what it is: a `ckpt_executable`, zero unless it is one.
  public static func run(stack: Address, own: AddressRange, note: Address) -> Never {
    TraceRing.share()
    do throws(RestartFailure) {
      let arguments = Arguments(stack: stack)
      let options =
        OwnExecutable.isOne(note)
        ? RestartOptions(ofExecutable: arguments) : try RestartOptions(parsing: arguments)
      switch options.request {
      case .help: say(helpText)
      case .version: say(versionText)
      case .describe:
        ExecutableDescription(
          image: try OwnExecutable.open(name: options.image), name: options.image
        ).write()
      case .restart:
        let report = TraceReport(options, arguments)
        do throws(RestartFailure) {
          try restart(options, arguments, own: own, report: report)
        } catch {
          error.report()
          var report = report
          report.fail()
          exitGroup(status: error.status.rawValue)
        }
      }
    } catch {
      error.report()
      exitGroup(status: error.status.rawValue)
    }
    exitGroup(status: 0)
  }

  /// Writes to standard output, which this program never closes.
  private static func say(_ text: StaticString) {
    let output = FileDescriptor(adopting: 1)
    try? output.write(text)
    _ = output.relinquish()
  }

  private static func restart(
    _ options: RestartOptions, _ arguments: Arguments, own: AddressRange, report: TraceReport
  ) throws(RestartFailure) -> Never {
    // Memory may come ahead of the image, and is for one process only.
    let waiter = options.detaches && options.staged != nil ? try Waiter.leave() : nil
    do throws(RestartFailure) {
      try restart(options, arguments, own: own, waiter: waiter, report: report)
    } catch {
      guard let waiter else { throw error }
      error.report()
      var report = report
      report.fail()
      waiter.tell(error.status.rawValue)
      exitGroup(status: error.status.rawValue)
    }
  }

  /// - Parameter waiter: who waits already for it to be detached.
  private static func restart(
    _ options: RestartOptions, _ arguments: Arguments, own: AddressRange, waiter: Waiter?,
    report: TraceReport
  ) throws(RestartFailure) -> Never {
    let image =
      options.isExecutable
      ? try OwnExecutable.open(name: options.image) : try open(options, arguments)
    var options = options
    // Only that way can bring the pages of a list at once.
    if image.executable?.pagesByteCount ?? 0 > 0, options.laziness == .background {
      options.laziness = .mapped
    }
    trace(
      "the head is good: process %d, %u threads, %u regions, %u descriptors", image.process.pid,
      image.threads.count, image.regions.count, image.descriptors.count)
    try checkMachine(for: image, own: own)
    trace("this machine can run it")
    if image.stream != nil { options.laziness = .none }
    var launch = try RestartRun(image, options, own: own, waiter: waiter, report: report)
    launch.run()
  }

  /// Opens the image, wherever it comes from.
  private static func open(
    _ options: RestartOptions, _ arguments: Arguments
  ) throws(RestartFailure) -> LoadedImage {
    if options.stream == nil, options.feed == nil, Unpacker.isNeeded(for: options.image) {
      try options.checkStream()
      return try Unpacker.open(options.image, called: options.image, options.map)
    }
    guard let stream = try stream(options, arguments) else {
      return try openImage(options.image, options.map)
    }
    do throws(RestartFailure) {
      return try openStream(stream, options.map)
    } catch {
      guard error.status == .badlyFed else { throw error }
      exitGroup(status: Feeder.conclude(stream.feeder))
    }
  }

  /// - Returns: `nil` when the image is a file that can be read as it is.
  private static func stream(
    _ options: RestartOptions, _ arguments: Arguments
  ) throws(RestartFailure) -> StreamInput? {
    if let number = options.stream {
      try options.checkStream()
      return StreamInput(
        number == 0 ? try standardInput() : number, patience: options.patience,
        goesOn: options.staged != nil)
    }
    if let feed = options.feed {
      try options.checkStream()
      var words = Feeder.Words()
      for index in feed.start..<feed.end { try words.append(arguments[index]) }
      let stream = try Feeder.start(words, environment: arguments.environment)
      closeDescriptor(try standardInput())
      return stream
    }
    guard Packing(of: options.image) != nil else { return nil }
    try options.checkStream()
    var words = Feeder.Words()
    try words.append(ByteString("--"))
    try words.append(options.image)
    return try Feeder.start(words, environment: arguments.environment)
  }

  /// Takes the image off standard input, which would else become the program's.
  private static func standardInput() throws(RestartFailure) -> Int32 {
    try during("cannot read standard input") { () throws(Errno) in
      let number = try Descriptors.duplicate(0, atLeast: 3)
      let null = try FileDescriptor("/dev/null", .readOnly)
      try Descriptors.duplicate(null.number, to: 0, closeOnExec: false)
      return number
    }
  }
}
