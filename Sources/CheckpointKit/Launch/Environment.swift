public import KernelABI

/// `NAME=VALUE` entries, as bytes.
public struct Environment: Equatable, Sendable {
  public var entries: [[UInt8]]

  public init(entries: [[UInt8]]) { self.entries = entries }

  /// Splits what /proc/PID/environ or /proc/PID/cmdline hold: strings that end with a NUL each.
  public init(terminated bytes: [UInt8]) { entries = terminatedStrings(in: bytes) }

  /// What this process was started with.
  ///
  /// Source: proc_pid_environ(5).
  public static func inherited() throws(Errno) -> Environment {
    Environment(terminated: try HostFiles.contents(of: "/proc/self/environ"))
  }

  /// The value of the first entry of that name, as getenv(3) finds it.
  public func value(of name: String) -> String? {
    let prefix = Array(name.utf8) + [0x3D]
    return entries.first { $0.starts(with: prefix) }
      .map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
  }

  public mutating func set(_ name: String, to value: String) {
    let prefix = Array(name.utf8) + [0x3D]
    entries.removeAll { $0.starts(with: prefix) }
    entries.append(prefix + Array(value.utf8))
  }
}

/// The last `count` words of this process's command line, byte for byte.
///
/// Source: proc_pid_cmdline(5).
public func lastArguments(_ count: Int) throws(Errno) -> [[UInt8]] {
  Array(terminatedStrings(in: try HostFiles.contents(of: "/proc/self/cmdline")).suffix(count))
}

/// Splits at every NUL; what follows the last one is a string too unless it is empty.
func terminatedStrings(in bytes: [UInt8]) -> [[UInt8]] {
  var strings = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
  if strings.last?.isEmpty == true { strings.removeLast() }
  return strings
}
