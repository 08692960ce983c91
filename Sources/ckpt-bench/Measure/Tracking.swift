internal import BenchBoard

/// What writing to a page costs after a fork, after a save, and under armed tracking of writes.
struct Tracking {
  let base: Measurement
  private var book: Book { base.book }
  private static let size: UInt64 = 256 << 20

  func run() throws(BenchFailure) {
    let size = min(Self.size, base.options.sizes.max() ?? Self.size)
    guard base.fits(size, files: 2, .track) else { return }
    base.tell("first writes")
    try base.withVictim(size: size) { victim throws(BenchFailure) in
      defer { base.scratch.clear() }
      for _ in 0..<base.options.rounds(size) { try measureRound(victim) }
    }
  }

  private func measureRound(_ victim: VictimProcess) throws(BenchFailure) {
    try write(victim, nil)
    try write(victim, "nothing before")
    _ = try victim.fork()
    try write(victim, "first, after a fork that has ended")
    _ = try base.saver.save(victim, [], to: "image")
    try write(victim, "first, after a save")
    try write(victim, "second, after a save")
    guard base.programs.saveKnows("--incremental") else { return }
    do throws(BenchFailure) {
      _ = try base.saver.save(victim, ["--incremental", "--full"], to: "full")
      let report = try base.saver.save(victim, ["--incremental"], to: "change").report
      guard report.isIncremental else {
        book.note("track: armed tracking skipped, `ckpt save --incremental` made a full image")
        return
      }
      try write(victim, "first, tracking armed")
      try write(victim, "second, tracking armed")
    } catch {
      book.note("track: armed tracking skipped, \(error.reason)")
    }
  }

  /// Writes a word to every page; per page.
  private func write(_ victim: VictimProcess, _ name: String?) throws(BenchFailure) {
    let time = try victim.ask(.dirty, 1_000_000, 1)
    guard let name, victim.board[.second] > 0 else { return }
    book.add(
      Double(time) / Double(victim.board[.second]), "write to a page: \(name)", .track,
      size: victim.size)
  }
}
