internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Migrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Move a running program to another machine.",
    discussion: """
      Sends the program through ssh, starts it over there, and ends it here when it runs there. \
      Nothing has to be installed on the other side. Whatever goes wrong, the program goes on here as \
      before; only when the connection is cut in the very moment in which it was told to run over \
      there it is left stopped, with exit status 75, for you to look.
      """)

  @Option(
    help: ArgumentHelp(
      "The command that reaches the other machine, with its options.", valueName: "command"))
  var ssh = "ssh"

  @Flag(help: "Go on with other process IDs.")
  var freshPids = false

  @Flag(help: "Use a process ID namespace even where the IDs are free.")
  var privatePids = false

  @Flag(help: "Copy most of its memory while it runs: it stands still for the rest only.")
  var precopy = false

  @Option(
    help: ArgumentHelp(
      "Where over there its output goes, if it is a terminal's or another program's here.",
      valueName: "file"))
  var output: String?

  @OptionGroup var link: LinkOptions

  @Option(
    help: ArgumentHelp("Give up when there is no connection after so long.", valueName: "time"))
  var connectTimeout: TimeInterval?

  @Option(
    help: ArgumentHelp(
      "What was under OLD is under NEW over there; as often as needed.", valueName: "old=new"),
    transform: MappedPath.init(parsing:))
  var map: [MappedPath] = []

  @Option(help: ArgumentHelp("Give up when nothing moves for so long.", valueName: "time"))
  var idleTimeout: TimeInterval?

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(help: ArgumentHelp("The program, by process ID or name.", valueName: "pid|name"))
  var program: String?

  @Argument(help: ArgumentHelp("The other machine, as ssh takes it.", valueName: "user@host"))
  var destination: String?

  func validate() throws {
    guard !sshWords.isEmpty else { throw ValidationError("--ssh takes a command") }
    guard program == nil || destination != nil else {
      throw ValidationError("say where to: ckpt migrate PID USER@HOST")
    }
    if program == nil, !isTerminal(0) || !isTerminal(1) {
      throw ValidationError("say what, and where to: ckpt migrate PID USER@HOST")
    }
    if let destination, destination.isEmpty || destination.hasPrefix("-") {
      throw ValidationError("no such machine: \(destination)")
    }
    guard output == nil || !link.attach else {
      throw ValidationError("--attach brings its output here: no --output")
    }
    guard output != "" else { throw ValidationError("--output takes the name of a file") }
    guard !freshPids || !privatePids else {
      throw ValidationError("--fresh-pids and --private-pids exclude each other")
    }
    guard (idleTimeout?.milliseconds ?? 1000) >= 1000 else {
      throw ValidationError("--idle-timeout takes a second or more")
    }
  }

  private var sshWords: [String] { ssh.split(separator: " ").map(String.init) }

  func run() throws {
    if let program, let destination { return try move(program, to: destination) }
    let candidates = Candidate.all()
    guard !candidates.isEmpty else {
      throw CommandFailure(
        "cannot move a program: none of yours runs with the agent",
        hints: ["`ckpt run -- PROGRAM` starts one that can be moved"])
    }
    let questions = MigrationQuestions { readLine() }
    guard let (pid, machine) = questions.ask(among: candidates, machine: knownMachine) else {
      return writeOutput("Nothing was moved.\n")
    }
    try move(String(pid), to: machine)
  }

  private var knownMachine: String? {
    guard let environment = try? Environment.inherited(), let home = environment.value(of: "HOME"),
      let text = try? HostFiles.text(of: "\(home)/.ssh/config")
    else { return nil }
    return MigrationQuestions.firstMachine(inConfiguration: text)
  }

  private func move(_ program: String, to destination: String) throws {
    var bar = ProgressBar(
      isShown: !quiet && isTerminal(2), start: monotonicTime(), showsSpeed: true)
    let migrated: Migrated
    do throws(MigrationFailure) {
      migrated = try migrate(try order(program, destination)) { report in
        if let line = bar.line(for: report, at: monotonicTime()) { writeError(line) }
      } isRunning: { migrated in
        writeError(bar.erasing)
        tell(program, destination, migrated)
      }
    } catch {
      writeError(bar.erasing)
      throw error.failure(moving: program, to: destination)
    }
    if let status = migrated.status { throw ExitCode(status) }
  }

  private func tell(_ program: String, _ destination: String, _ migrated: Migrated) {
    if migrated.isOriginalLeft {
      writeError(
        "warning: \(program) runs on \(destination), but its stopped original is still here\n")
    }
    if let obstacle = migrated.obstacle {
      writeError("note: nothing was copied ahead: \(obstacle.words)\n")
    }
    if !quiet { tellMoved(program, destination, migrated) }
  }

  private func tellMoved(_ program: String, _ destination: String, _ migrated: Migrated) {
    let ahead = migrated.ahead
    let before =
      ahead.roundCount > 0
      ? "\(byteCountText(ahead.byteCount)) in \(ahead.roundCount) rounds while it ran, then " : ""
    // Standard output is the program's, when that is attached.
    (link.attach ? writeError : writeOutput)(
      "\(program) runs on \(destination) as process \(migrated.pid): \(before)"
        + "\(byteCountText(migrated.byteCount)), "
        + "stood still for \(durationText(migrated.downtime))\n")
  }

  private func order(
    _ program: String, _ destination: String
  ) throws(MigrationFailure) -> MigrationOrder {
    var order = MigrationOrder(
      target: try target(program), destination: destination, restart: try restartPath())
    order.ssh = sshWords
    order.ids = freshPids ? .fresh : privatePids ? .private : .same
    order.output = output ?? "/dev/null"
    order.map = map.map(\.text)
    order.precopies = precopy
    order.link = link.order(try ownPath())
    if let connectTimeout {
      order.connectPatience = UInt64(connectTimeout.milliseconds) * 1_000_000
    }
    if let idleTimeout { order.patience = UInt64(idleTimeout.milliseconds) * 1_000_000 }
    return order
  }

  /// The process, which gets the agent if it has none.
  private func target(_ program: String) throws(MigrationFailure) -> TargetFacts {
    do throws(SaveFailure) { return try found(program).withAgent(isQuiet: quiet) } catch {
      throw .save(error)
    }
  }

  private func found(_ program: String) throws(SaveFailure) -> TargetFacts {
    do throws(TargetFailure) {
      if let pid = Int32(program) { return try .read(pid) }
      return try .read(try TargetFacts.find(named: program))
    } catch {
      throw .target(error)
    }
  }

  private func ownPath() throws(MigrationFailure) -> String {
    do throws(Errno) { return try HostFiles.linkTarget("/proc/self/exe") } catch {
      throw .program("/proc/self/exe", error)
    }
  }

  private func restartPath() throws(MigrationFailure) -> String {
    do throws(Errno) {
      let installation = try Installation.ofThisProcess()
      do throws(LaunchFailure) { return try installation.restart() } catch {
        throw Errno.noSuchFile
      }
    } catch {
      throw .program("restart", error)
    }
  }
}
