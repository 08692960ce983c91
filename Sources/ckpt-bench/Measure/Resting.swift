internal import CheckpointKit

/// Memory that the agent costs a program that is never saved.
///
/// Source: proc_pid_smaps(5).
struct Resting {
  let base: Measurement
  private var book: Book { base.book }

  func run() throws(BenchFailure) {
    let with = try look(withAgent: true)
    let without = try look(withAgent: false)
    let agent = with.filter { $0.name.hasSuffix("/libckpt.so") }
    add(agent.map(\.resident), [], "agent, resident")
    add(agent.map(\.proportional), [], "agent, its share")
    add(agent.map(\.dirty), [], "agent, written")
    add(with.map(\.dirty), without.map(\.dirty), "whole program, written more")
  }

  private func add(_ with: [UInt64], _ without: [UInt64], _ name: String) {
    let kibibytes = Double(with.reduce(0, +)) - Double(without.reduce(0, +))
    book.add(kibibytes * 1024, name, .rest, .bytes)
  }

  private struct Entry {
    var name = ""
    var resident: UInt64 = 0
    var proportional: UInt64 = 0
    var dirty: UInt64 = 0
  }

  private func look(withAgent: Bool) throws(BenchFailure) -> [Entry] {
    try base.withVictim(size: 0, withAgent: withAgent) { victim throws(BenchFailure) in
      guard let text = try? HostFiles.text(of: "/proc/\(victim.pid)/smaps") else {
        throw BenchFailure("cannot read the victim's smaps")
      }
      return Self.entries(text)
    }
  }

  private static func entries(_ text: String) -> [Entry] {
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
