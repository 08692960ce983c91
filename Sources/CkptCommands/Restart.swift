internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Restart: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring a program back from its image.",
    discussion: """
      Takes the place of this command with `restart`, which stays in front of the program as its \
      parent and ends with its exit status.
      """)

  @Flag(help: "Go on with other process IDs if the saved ones can't be had.")
  var freshPids = false

  @Flag(help: "Use a process ID namespace even where the saved IDs could be had without.")
  var privatePids = false

  @Flag(help: "Let it run at once, and read its memory while it runs.")
  var lazy = false

  @Flag(help: "Read only the memory that it touches: the image must stay.")
  var lazyTouched = false

  @Flag(help: "Be lazy in the way of those who aren't root: show it the image itself.")
  var lazyMapped = false

  @Flag(help: "Return once the program runs.")
  var detach = false

  @Option(help: ArgumentHelp("Write the program's process ID there.", valueName: "file"))
  var pidfile: String?

  @Option(
    help: ArgumentHelp(
      "What was under OLD is under NEW on this machine; as often as needed.", valueName: "old=new"),
    transform: MappedPath.init(parsing:))
  var map: [MappedPath] = []

  @Flag(name: .shortAndLong, help: "Say what is done, on standard error.")
  var verbose = false

  @Flag(help: "Print what is done and decided, phase by phase, on standard error.")
  var trace = false

  @Option(
    help: ArgumentHelp(
      "Wait there for a sender: unix:PATH, tcp://[ADDRESS]:PORT, udp://[ADDRESS]:PORT.",
      valueName: "place"))
  var from: StreamPlace?

  @OptionGroup var streaming: StreamOptions

  @Argument(help: "The image, or a snapshot executable; - for standard input.")
  var image: String?

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("Behind --: for ckpt_restart_argv() of the program.", valueName: "argument"))
  var arguments: [String] = []

  func validate() throws {
    try streaming.check(from: from)
    if isFed, lazy || lazyTouched {
      throw ValidationError("--lazy needs an image in a file, as it is")
    }
    if from != nil {
      guard image == nil else { throw ValidationError("give one image, or --from") }
    } else if image == nil {
      guard !arguments.isEmpty else { throw ValidationError("no image given") }
      guard arguments.count == 1 || arguments[1] == "--" else {
        throw ValidationError("what is for the program comes behind a second --")
      }
    }
  }

  /// Whether the image comes through a pipe.
  private var isFed: Bool { from != nil || image == "-" || streaming.hasKey }

  /// Where the image is, and what is for the program: behind `--` the image may have any name.
  private var words: [String] {
    let place = from?.text ?? image
    guard let place else { return arguments.prefix(1).map(Self.fileName) + arguments.dropFirst() }
    let first = from == nil && place != "-" ? Self.fileName(place) : place
    return arguments.isEmpty ? [first] : [first, "--"] + arguments
  }

  /// A leading dash would make the name an option.
  private static func fileName(_ name: String) -> String {
    name.hasPrefix("-") ? "./\(name)" : name
  }

  /// The command line of `restart`, without its own name.
  var options: [String] {
    var options: [String] = []
    if freshPids { options.append("--fresh-pids") }
    if privatePids { options.append("--private-pids") }
    if lazy { options.append("--lazy") }
    if lazyTouched { options.append("--lazy-touched") }
    if lazyMapped { options.append("--lazy-mapped") }
    if detach { options.append("--detach") }
    if let pidfile { options += ["--pidfile", pidfile] }
    for path in map { options += ["--map", path.text] }
    if verbose { options.append("--verbose") }
    if trace { options.append("--trace") }
    if isFed { options += ["--feed"] + streaming.words }
    return options + words
  }

  func run() throws {
    do throws(LaunchFailure) { try becomeRestart() } catch { throw error.failure }
  }

  private func becomeRestart() throws(LaunchFailure) -> Never {
    let inherited: Environment
    let installation: Installation
    do throws(Errno) {
      inherited = try .inherited()
      installation = try .ofThisProcess()
    } catch {
      throw .procUnreadable(error)
    }
    let program = try installation.restart()
    try execute(
      program, arguments: ([program] + options).map { Array($0.utf8) }, environment: inherited)
  }
}
