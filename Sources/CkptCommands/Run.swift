internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a program so that it can be saved.",
    discussion: """
      The program is started with the agent in it (LD_PRELOAD) and takes the place of this command: \
      same process ID, terminal and descriptors. A statically linked program gets the agent by \
      ptrace(2) as it starts. Afterwards, `ckpt save PID` or `kill -USR2 PID` saves it.
      """)

  @OptionGroup var agent: AgentOptions

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("Program and its arguments.", valueName: "program"))
  var command: [String]

  mutating func validate() throws {
    if command.first == "--" { command.removeFirst() }
    guard !command.isEmpty else { throw ValidationError("no program to run") }
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
    let isStatic = try needsInjection(program)
    let file = try installation.agent(override: inherited.value(of: "CKPT_AGENT"))
    let launch = AgentLaunch(
      program: program, arguments: arguments, agent: file, settings: agent.settings)
    if isStatic {
      try launch.prepareInjection {
        writeError($0.failure(saving: program, to: "put the agent into").description + "\n")
      }
    }
    try launch.execute(from: inherited)
  }

  /// Whether the dynamic loader will not load the agent into the program.
  private func needsInjection(_ program: String) throws(LaunchFailure) -> Bool {
    do throws(LaunchFailure) { try checkLoadable(program) } catch {
      guard case .staticProgram = error else { throw error }
      return true
    }
    return false
  }

  var settings: [Setting] { agent.settings }
}
