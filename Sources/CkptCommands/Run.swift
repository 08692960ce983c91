internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a program so that it can be saved.",
    discussion: """
      The program is started with the agent in it (LD_PRELOAD) and takes the place of this command: \
      same process ID, terminal and descriptors. Afterwards, `ckpt save PID` or `kill -USR2 PID` saves it.
      """)

  @Option(
    help: ArgumentHelp(
      "Where images go: %p process ID, %n name, %t time, %c counter.", valueName: "pattern"))
  var file: String?

  @Option(help: ArgumentHelp("Signal that saves, by number or name.", valueName: "signal"))
  var signal: SignalName?

  @Option(
    help: ArgumentHelp("Save again and again, so often: 90, 30s, 10m, 2h.", valueName: "time"))
  var every: TimeInterval?

  @Option(help: ArgumentHelp("Images of the series to keep (0: all).", valueName: "number"))
  var keep: UInt32?

  @OptionGroup var manner: MannerOptions

  @Option(
    help: ArgumentHelp(
      "With --incremental: every so many-th image is full (16).", valueName: "number"))
  var fullEvery: UInt32?

  @Flag(name: .shortAndLong, help: "Let the agent say what it does, on standard error.")
  var verbose = false

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("Program and its arguments.", valueName: "program"))
  var command: [String]

  mutating func validate() throws {
    if command.first == "--" { command.removeFirst() }
    guard !command.isEmpty else { throw ValidationError("no program to run") }
    guard fullEvery.map({ 1...4096 ~= $0 }) ?? true else {
      throw ValidationError("--full-every takes 1 to 4096")
    }
  }

  func run() throws {
    do throws(LaunchFailure) {
      try launch()
    } catch {
      throw error.failure
    }
  }

  private func launch() throws(LaunchFailure) -> Never {
    let inherited: Environment
    let arguments: [[UInt8]]
    let installation: Installation
    do throws(Errno) {
      inherited = try .inherited()
      arguments = try lastArguments(command.count)
      installation = try .ofThisProcess()
    } catch {
      throw .procUnreadable(error)
    }
    let program = try locateProgram(command[0], searchPath: inherited.value(of: "PATH"))
    try checkLoadable(program)
    let agent = try installation.agent(override: inherited.value(of: "CKPT_AGENT"))
    try Launch(program: program, arguments: arguments, agent: agent, settings: settings)
      .execute(from: inherited)
  }

  /// What the options mean to the agent.
  var settings: [Setting] {
    var settings: [Setting] = []
    if let file { settings.append(Setting("CKPT_FILE", file)) }
    if let signal { settings.append(Setting("CKPT_SIGNAL", String(signal.number))) }
    if let every { settings.append(Setting("CKPT_INTERVAL", every.text)) }
    if let keep { settings.append(Setting("CKPT_KEEP", String(keep))) }
    if let fullEvery { settings.append(Setting("CKPT_FULL_EVERY", String(fullEvery))) }
    settings += manner.settings
    if verbose { settings.append(Setting("CKPT_VERBOSE", "1")) }
    return settings
  }
}
