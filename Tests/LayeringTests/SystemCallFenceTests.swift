import Foundation
import Testing

/// What stands for a number of the kernel's interface, and where it may be besides `Kernel`.
private struct Rule: Sendable, CustomTestStringConvertible {
  var pattern: String

  /// Files that need it all the same, each with its reason.
  var allowed: [String: String] = [:]

  var testDescription: String { pattern }
}

private let rules = [
  Rule(
    pattern: #"\b(rawSystemCall|systemCall|ckernel_syscall|ckernel_clone_thread)\("#,
    allowed: [
      "Handler+Unsafe.swift": "threads that begin on a signal frame"
    ]),
  Rule(
    pattern: #"\bSyscallNumber\."#,
    allowed: [
      "AgentLoader.swift": "says which calls another process is made to make",
      "Injection.swift": "says which calls another process is made to make",
    ]),
  Rule(pattern: #"\bSockets\.(option|setOption)\([^,()]+, -?[0-9]"#),
  Rule(pattern: #"\bPrctl\.(call|result|integer)\(-?[0-9]"#),
  Rule(pattern: #"\b0o170000\b"#),
  Rule(pattern: #"\bErrno\(rawValue: [0-9]"#),
]

/// A number of a system call, option or error is in `Kernel` and `KernelABI` only.
///
/// The benches are left out: they measure the kernel's calls themselves.
@Suite struct SystemCallFenceTests {
  private static let modules = [
    "Procfs", "CheckpointImage", "Agent", "AgentEntry", "Restart", "CheckpointKit", "CkptCommands",
  ]

  @Test(arguments: rules)
  fileprivate func isKeptBehindKernel(rule: Rule) throws {
    let pattern = try Regex(rule.pattern)
    var used: Set<String> = []
    for module in Self.modules {
      for (file, lines) in try lines(of: module) {
        let name = file.lastPathComponent
        for line in lines
        where !line.drop(while: { $0 == " " }).hasPrefix("//") && line.contains(pattern) {
          used.insert(name)
          #expect(rule.allowed[name] != nil, "\(module)/\(name): \(line)")
        }
      }
    }
    #expect(used.isSuperset(of: rule.allowed.keys), "an exception that nobody needs")
  }
}
