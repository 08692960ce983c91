public import KernelABI

/// Why a program can't be started under the agent.
public enum LaunchFailure: Error, Equatable, Sendable {
  case programNotFound(String)
  case programNotExecutable(String, Errno)
  case setUserID(String)
  case staticProgram(String)
  case foreignProgram(String)
  case agentNotFound(searched: [String])
  case restartNotFound(searched: [String])
  case pathWithSeparator(String)
  case procUnreadable(Errno)
  case execute(String, Errno)

  /// No process to put the agent into a static program, or it may not trace.
  case injection(Errno)
}

/// A setting for the agent: an environment variable.
public struct Setting: Equatable, Sendable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A program to be started with the agent in it.
///
/// Arguments and environment are bytes: they need not be UTF-8 and arrive as they were given.
public struct AgentLaunch: Equatable, Sendable {
  public var program: String
  public var arguments: [[UInt8]]

  /// The agent's file.
  public var agent: String

  /// `CKPT_FILE` and the like.
  public var settings: [Setting]

  public init(program: String, arguments: [[UInt8]], agent: String, settings: [Setting]) {
    self.program = program
    self.arguments = arguments
    self.agent = agent
    self.settings = settings
  }

  /// The environment the program gets: `inherited` with the settings replaced and the agent put in
  /// front of what LD_PRELOAD already names.
  public func environment(from inherited: Environment) -> Environment {
    var result = inherited
    for setting in settings { result.set(setting.name, to: setting.value) }
    let preloaded = (result.value(of: "LD_PRELOAD") ?? "").split { $0 == ":" || $0 == " " }
      .map(String.init).filter { $0 != agent }
    result.set("LD_PRELOAD", to: ([agent] + preloaded).joined(separator: ":"))
    return result
  }

  /// Becomes the program.
  ///
  /// Returns only to throw.
  ///
  /// The process ID stays: what the shell started is what runs.
  public func execute(from inherited: Environment) throws(LaunchFailure) -> Never {
    try CheckpointKit.execute(
      program, arguments: arguments, environment: environment(from: inherited))
  }
}

/// Becomes another program.
///
/// Returns only to throw.
public func execute(
  _ program: String, arguments: [[UInt8]], environment: Environment
) throws(LaunchFailure) -> Never {
  do throws(Errno) {
    try replaceProcess(program, arguments: arguments, environment: environment.entries)
  } catch {
    throw .execute(program, error)
  }
}

/// Looks at the file and says whether the agent can be loaded into it.
public func checkLoadable(_ program: String) throws(LaunchFailure) {
  let facts: FileFacts
  let head: [UInt8]
  do throws(Errno) {
    facts = try HostFiles.facts(of: program)
    guard facts.kind == .regular else {
      throw facts.kind == .directory ? .isDirectory : .accessDenied
    }
    try HostFiles.checkExecutable(program)
  } catch {
    throw .programNotExecutable(program, error)
  }
  guard facts.mode & 0o6000 == 0 else { throw .setUserID(program) }
  // A program that may be run but not read (mode 711) can't be looked at; the loader will say.
  do throws(Errno) { head = try HostFiles.contents(of: program, limit: 4096) } catch { return }
  switch programKind(of: head) {
  case .statically: throw .staticProgram(program)
  case .foreign: throw .foreignProgram(program)
  case .script(let interpreter) where interpreter.hasPrefix("/"): try checkLoadable(interpreter)
  case .dynamic, .unknown, .script: return
  }
}

/// Finds a program the way a shell does, in the folders of `searchPath`: the value of PATH.
public func locateProgram(
  _ name: String, searchPath: String?
) throws(LaunchFailure) -> String {
  guard !name.contains("/") else {
    do throws(Errno) { _ = try HostFiles.facts(of: name) } catch {
      if error == .noSuchFile { throw .programNotFound(name) }
      throw .programNotExecutable(name, error)
    }
    return name
  }
  for folder in (searchPath ?? "/usr/local/bin:/usr/bin:/bin").split(
    separator: ":", omittingEmptySubsequences: false)
  {
    let candidate = folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
    if isExecutableFile(candidate) { return candidate }
  }
  throw .programNotFound(name)
}

func isExecutableFile(_ path: String) -> Bool {
  do throws(Errno) {
    try HostFiles.checkExecutable(path)
    return try HostFiles.facts(of: path).kind == .regular
  } catch {
    return false
  }
}
