internal import Kernel
internal import KernelABI

/// libckpt.so on this side: its bytes, and where another process can open it.
struct AgentSource {
  let path: String
  let file: AgentFile
  private let content: [UInt8]

  init(_ path: String) throws(InjectFailure) {
    self.path = path
    do throws(Errno) { content = try HostFiles.contents(of: path) } catch {
      throw .agentUnreadable(path, error)
    }
    do throws(AgentFileFailure) { file = try AgentFile(content) } catch {
      throw .agentFile(path, error)
    }
  }

  /// Whether the process finds the very same file under the same path.
  ///
  /// It may have another root or other mounts.
  func isVisible(to pid: Int32) -> Bool {
    guard let own = try? HostFiles.facts(of: path),
      let theirs = try? HostFiles.facts(of: "/proc/\(pid)/root\(path)")
    else { return false }
    return own.device == theirs.device && own.inode == theirs.inode
  }

  func hasPrefix(_ bytes: [UInt8]) -> Bool { content.starts(with: bytes) }

  /// The name of a file in memory, by which `ckpt` finds the agent later: it ends like a path.
  static let memoryName = "/libckpt.so"

  /// Writes what the agent's segments need to a descriptor of the process.
  func fill(_ number: UInt64, of pid: Int32) throws(Errno) {
    let copy = try HostFiles.open("/proc/\(pid)/fd/\(number)", .readWrite)
    let bytes = Array(content.prefix(Int(file.loadedByteCount)))
    let number = copy.number
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Files.write(number, from: address, byteCount: UInt64(bytes.count), at: 0)
    }
  }
}
