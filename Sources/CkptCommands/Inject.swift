internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Inject: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put the agent into a running program.",
    discussion: """
      From then on the program can be saved like one that was started with `ckpt run`. It goes on \
      as it was, in the midst of whatever it waits for. Where ptrace(2) is forbidden, this says by what.
      """)

  @OptionGroup var agent: AgentOptions

  @Flag(help: "Try it too with a program that has seccomp filters: they may end it.")
  var despiteSeccomp = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: ArgumentHelp("The program, by process ID or name.", valueName: "pid|name"))
  var program: String

  func run() throws {
    do throws(InjectFailure) {
      let target = try target()
      var injection = try Injection(installed: agent.settings)
      injection.isBold = despiteSeccomp
      let injected = try injection.run(target)
      guard !quiet else { return }
      let since = target.hasAgent ? "was in it already" : "is in it now"
      writeOutput("\(target.pid): the agent \(since)\n")
      if !injected.hasTrigger {
        writeError("note: the signal is the program's own; `ckpt save` works all the same\n")
      }
    } catch {
      throw error.failure(saving: program, to: "put the agent into")
    }
  }

  private func target() throws(InjectFailure) -> TargetFacts {
    do throws(TargetFailure) { return try .read(named: program) } catch { throw .target(error) }
  }
}

extension Injection {
  /// With the agent that belongs to this command, or that CKPT_AGENT names.
  init(installed settings: [Setting]) throws(InjectFailure) {
    let override: String?
    let installation: Installation
    do throws(Errno) {
      override = try Environment.inherited().value(of: "CKPT_AGENT")
      installation = try .ofThisProcess()
    } catch {
      throw .agent(.procUnreadable(error))
    }
    do throws(LaunchFailure) {
      self.init(agent: try installation.agent(override: override), settings: settings)
    } catch {
      throw .agent(error)
    }
  }
}

extension TargetFacts {
  /// The process that a person means by an ID or a name.
  static func read(named program: String) throws(TargetFailure) -> TargetFacts {
    if let pid = Int32(program) { return try .read(pid) }
    return try .read(try find(named: program))
  }
}

extension TargetFacts {
  /// Puts the agent into the process if it has none, and says so.
  ///
  /// - Returns: what is known of it then.
  func withAgent(isQuiet: Bool) throws(SaveFailure) -> TargetFacts {
    guard lacksAgent else { return self }
    do throws(InjectFailure) { try Injection(installed: []).run(self) } catch {
      throw .inject(error)
    }
    if !isQuiet { writeError("note: \(status.name) ran without the agent, and has it now\n") }
    do throws(TargetFailure) { return try .read(pid) } catch { throw .target(error) }
  }
}
