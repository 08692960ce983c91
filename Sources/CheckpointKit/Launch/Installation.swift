public import KernelABI

/// Where the pieces of ckpt lie: found from where this executable is, so that a build folder and
/// an installed tree both work without a setting.
public struct Installation: Sendable {
  /// The folder of this executable.
  public let folder: String

  public init(folder: String) { self.folder = folder }

  /// Source: proc_pid_exe(5).
  public static func ofThisProcess() throws(Errno) -> Installation {
    Installation(folder: try HostFiles.linkTarget("/proc/self/exe").folderPart)
  }

  /// Where the agent may be, best first; `override` is the value of CKPT_AGENT.
  public func agentCandidates(override: String?) -> [String] {
    if let override, !override.isEmpty { return [override] }
    let parent = folder.folderPart
    return [
      "\(folder)/libckpt.so", "\(parent)/lib/libckpt.so", "\(parent)/lib/ckpt/libckpt.so",
    ]
  }

  /// Where the program `restart` may be, best first.
  public var restartCandidates: [String] {
    let parent = folder.folderPart
    return ["\(folder)/restart", "\(parent)/libexec/ckpt/restart", "\(parent)/lib/ckpt/restart"]
  }

  /// The agent's absolute path.
  public func agent(override: String?) throws(LaunchFailure) -> String {
    let candidates = agentCandidates(override: override)
    guard let found = candidates.first(where: isRegularFile) else {
      throw .agentNotFound(searched: candidates)
    }
    let path = absolutePath(found)
    // ld.so(8) splits LD_PRELOAD at both, with no way to escape them.
    guard !path.contains(" "), !path.contains(":") else { throw .pathWithSeparator(path) }
    return path
  }
}

extension Installation {
  /// The path of the program `restart`.
  public func restart() throws(LaunchFailure) -> String {
    guard let found = restartCandidates.first(where: isExecutableFile) else {
      throw .restartNotFound(searched: restartCandidates)
    }
    return found
  }
}

private func isRegularFile(_ path: String) -> Bool {
  do throws(Errno) { return try HostFiles.facts(of: path).kind == .regular } catch { return false }
}

/// `path` from the root on; as it is when the working directory is gone.
public func absolutePath(_ path: String) -> String {
  guard !path.hasPrefix("/") else { return path }
  do throws(Errno) {
    let folder = try HostFiles.workingDirectory()
    return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
  } catch {
    return path
  }
}
