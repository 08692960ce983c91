internal import Kernel
internal import KernelABI

/// A process that may be moved, as somebody would tell it from others.
public struct Candidate: Equatable, Sendable {
  public var pid: Int32

  /// Nanoseconds since it was started.
  public var age: UInt64

  /// Bytes of it in memory.
  public var memory: UInt64

  /// Its arguments, with spaces between them.
  public var commandLine: String

  /// All that have the agent and may be signalled, the largest first.
  public static func all() -> [Candidate] {
    numbers(in: "/proc").compactMap(Candidate.init(ifMovable:)).sorted { $0.memory > $1.memory }
  }

  private init?(ifMovable pid: Int32) {
    // A `restart` gives the program that it brought back, which is listed itself.
    guard let facts = try? TargetFacts.read(pid), facts.pid == pid, facts.hasAgent,
      let line = try? HostFiles.contents(of: "/proc/\(pid)/cmdline"),
      let stat = try? HostFiles.text(of: "/proc/\(pid)/stat"),
      let pages = try? HostFiles.text(of: "/proc/\(pid)/statm")
    else { return nil }
    let words = terminatedStrings(in: line).map { String(decoding: $0, as: UTF8.self) }
    self.init(
      pid: pid, age: Self.age(stat: stat, now: Clock.boottime), memory: Self.memory(statm: pages),
      commandLine: words.joined(separator: " "))
  }

  public init(pid: Int32, age: UInt64, memory: UInt64, commandLine: String) {
    self.pid = pid
    self.age = age
    self.memory = memory
    self.commandLine = commandLine
  }

  /// Field 22, behind the name, which may hold anything: hundredths of a second since the boot.
  ///
  /// Source: proc_pid_stat(5); USER_HZ is 100 on x86-64.
  static func age(stat: String, now: UInt64) -> UInt64 {
    guard let end = stat.lastIndex(of: ")") else { return 0 }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 19, let ticks = UInt64(fields[19]), ticks < 1 << 40 else { return 0 }
    let start = ticks * 10_000_000
    return now > start ? now - start : 0
  }

  /// The second number, in pages.
  ///
  /// Source: proc_pid_statm(5).
  static func memory(statm: String) -> UInt64 {
    let fields = statm.split(separator: " ")
    guard fields.count > 1, let pages = UInt64(fields[1]), pages < 1 << 40 else { return 0 }
    return pages * pageByteCount
  }
}
