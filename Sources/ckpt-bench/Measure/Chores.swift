internal import BenchBoard
internal import Kernel
internal import KernelABI

/// What a loaded, idle agent costs in the small things that programs do all the time.
///
/// Three victims take turns on one processor: one with the agent and two without. The ratio of the
/// two without says how exact the other ratio can be.
struct Chores {
  let base: Measurement
  private var book: Book { base.book }

  static let all: [(chore: Chore, name: String, times: UInt64)] = [
    (.getpid, "getpid", 8000), (.read, "read", 5000), (.clockGettime, "clock_gettime", 40_000),
    (.malloc, "malloc", 40_000), (.open, "open", 1000), (.pipe, "pipe", 300),
    (.thread, "thread", 40), (.fork, "fork", 10),
  ]

  func run() throws(BenchFailure) {
    base.tell("small things")
    // New victims every time: where their memory lies is chance, and matters.
    for round in 0..<base.options.choreRounds {
      try base.withVictim(size: 0, withAgent: true) { loaded throws(BenchFailure) in
        try base.withVictim(size: 0, withAgent: false) { plain throws(BenchFailure) in
          try base.withVictim(size: 0, withAgent: false) { control throws(BenchFailure) in
            for victim in [loaded, plain, control] { pin(victim.pid) }
            try compare(loaded, plain, control, firstOrder: round)
          }
        }
      }
    }
  }

  private func compare(
    _ loaded: VictimProcess, _ plain: VictimProcess, _ control: VictimProcess, firstOrder: Int
  ) throws(BenchFailure) {
    let victims = [loaded, plain, control]
    for (chore, name, times) in Self.all {
      var lowest = [UInt64](repeating: .max, count: 3)
      // Six turns; what else goes on in the machine only ever adds, so the lowest counts.
      for turn in 0..<6 {
        for place in 0..<3 {
          let index = (turn + place + firstOrder) % 3
          lowest[index] = min(
            lowest[index], try victims[index].ask(.chore, chore.rawValue, times))
        }
      }
      book.add(Double(lowest[1]) / Double(times), "\(name), without", .idle)
      book.add(Double(lowest[0]) / Double(times), "\(name), with the agent", .idle)
      book.add(
        Double(lowest[0]) / Double(lowest[1]), "\(name), with / without", .idle, .ratio)
      book.add(
        Double(lowest[2]) / Double(lowest[1]), "\(name), without / without", .idle, .ratio)
    }
  }

  /// Keeps a process on the first processor: sched_setaffinity(2).
  private func pin(_ pid: Int32) {
    var mask: UInt64 = 1
    _ = try? withAddress(of: &mask) { address throws(Errno) in
      try systemCall(SyscallNumber.schedSetaffinity, Int(pid), 8, address.argument)
    }
  }
}
