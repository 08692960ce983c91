/// Stopping a program of many threads, which has next to no memory.
struct Stopping {
  let base: Measurement
  private var book: Book { base.book }

  func run() throws(BenchFailure) {
    for count in base.options.threads {
      base.tell("\(count) threads")
      do throws(BenchFailure) {
        try base.withVictim(size: 0, threads: Int(count) - 1) { victim throws(BenchFailure) in
          defer { base.scratch.clear() }
          _ = try base.saver.save(victim, [], to: "image")
          for _ in 0..<base.options.threadRounds { try measure(victim, count) }
        }
      } catch {
        book.note("\(count) threads: skipped, \(error.reason)")
      }
    }
  }

  private func measure(_ victim: VictimProcess, _ count: UInt64) throws(BenchFailure) {
    let fork = try victim.fork()
    let result = try base.saver.save(victim, [], to: "image")
    book.add(fork, "bare fork", .threads, amount: count)
    book.add(result.gap, "pause seen", .threads, amount: count)
    book.add(result.report.pause, "pause told", .threads, amount: count)
    book.add(result.report.duration, "until safe", .threads, amount: count)
  }
}
