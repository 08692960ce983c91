internal import ArgumentParser
internal import CheckpointKit

/// What the agent of a program is told when it comes into it.
struct AgentOptions: ParsableArguments {
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

  func validate() throws {
    guard fullEvery.map({ 1...4096 ~= $0 }) ?? true else {
      throw ValidationError("--full-every takes 1 to 4096")
    }
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
