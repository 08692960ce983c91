internal import CheckpointKit

/// Memory that the agent costs a program that is never saved.
///
/// Source: proc_pid_smaps(5).
struct Idle {
  /// KiB, of the mappings of libckpt.so.
  private(set) var resident: UInt64 = 0
  private(set) var proportional: UInt64 = 0
  private(set) var dirty: UInt64 = 0

  /// KiB by which the whole program is larger with the agent than without.
  private(set) var growth: Int64 = 0
  private(set) var dirtyGrowth: Int64 = 0

  init(_ options: Options, folder: String) throws(BenchFailure) {
    let agent = absolutePath("\(options.programs)/libckpt.so")
    let with = try Self.look(options, folder, preload: agent)
    let without = try Self.look(options, folder, preload: nil)
    for entry in with where entry.name.hasSuffix("/libckpt.so") {
      resident += entry.resident
      proportional += entry.proportional
      dirty += entry.dirty
    }
    growth = Self.sum(with.map(\.resident)) - Self.sum(without.map(\.resident))
    dirtyGrowth = Self.sum(with.map(\.dirty)) - Self.sum(without.map(\.dirty))
  }

  private struct Entry {
    var name = ""
    var resident: UInt64 = 0
    var proportional: UInt64 = 0
    var dirty: UInt64 = 0
  }

  private static func sum(_ values: [UInt64]) -> Int64 { Int64(values.reduce(0, +)) }

  private static func look(
    _ options: Options, _ folder: String, preload: String?
  ) throws(BenchFailure) -> [Entry] {
    let victim = try Victim(byteCount: 0, preload: preload, folder: folder, options)
    defer { victim.end() }
    sleep(milliseconds: 20)
    guard let text = try? Files.text(of: "/proc/\(victim.pid)/smaps") else {
      throw BenchFailure("cannot read the victim's smaps")
    }
    var entries: [Entry] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words[0].contains("-") && !words[0].hasSuffix(":") {
        entries.append(Entry(name: words.count > 5 ? String(words[5]) : ""))
      } else if words.count > 1, let number = UInt64(words[1]), let last = entries.indices.last {
        switch words[0] {
        case "Rss:": entries[last].resident = number
        case "Pss:": entries[last].proportional = number
        case "Private_Dirty:": entries[last].dirty = number
        default: break
        }
      }
    }
    return entries
  }
}
