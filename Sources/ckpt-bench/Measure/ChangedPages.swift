internal import BenchBoard

/// Incremental images of a victim of whose pages a known share was written.
struct ChangedPages {
  let base: Measurement
  private var book: Book { base.book }

  /// Parts of a million.
  static let shares: [UInt64] = [0, 10_000, 100_000, 1_000_000]

  func run() throws(BenchFailure) {
    guard base.programs.saveKnows("--incremental") else {
      book.note("changes: skipped, this `ckpt save` has no --incremental")
      return
    }
    for size in base.options.sizes where base.fits(size, files: 3, .changes) {
      base.tell("changes of \(byteCountText(size))")
      try base.withVictim(size: size) { victim throws(BenchFailure) in
        defer { base.scratch.clear() }
        for round in 0..<base.options.rounds(size) {
          guard try measureRound(round, victim) else { return }
        }
      }
    }
  }

  /// - Returns: whether this build makes incremental images at all.
  private func measureRound(_ round: Int, _ victim: VictimProcess) throws(BenchFailure) -> Bool {
    base.scratch.clear()
    let size = victim.size
    let full: SaveResult
    do throws(BenchFailure) {
      full = try base.saver.save(victim, ["--incremental", "--full"], to: "full").report
    } catch {
      book.note("changes, \(byteCountText(size)): skipped, \(error.reason)")
      return false
    }
    book.add(full.duration, "full image, until safe", .changes, size: size)
    for (index, share) in Self.shares.enumerated() {
      try victim.ask(.dirty, share, UInt64(round * 16 + index + 1))
      measureScan(victim, share)
      let fork = try victim.fork()
      let result = try base.saver.save(victim, ["--incremental"], to: "change\(index)")
      guard result.report.isIncremental else {
        book.note(
          "changes, \(byteCountText(size)): skipped, `ckpt save --incremental` made a full image")
        return false
      }
      add(result, share, size, fork: fork, full: full.duration)
      let cause = result.report.cause.isEmpty ? "" : " (\(result.report.cause))"
      book.note(
        "changes, \(byteCountText(size)), \(shareText(share)) dirty: "
          + "saved \(result.report.mode)\(cause)")
    }
    return true
  }

  private func add(
    _ result: Saver.Result, _ share: UInt64, _ size: UInt64, fork: UInt64, full: UInt64
  ) {
    let report = result.report
    book.add(report.duration, "until safe", .changes, size: size, amount: share)
    book.add(result.gap, "pause seen", .changes, size: size, amount: share)
    book.add(report.pause, "pause told", .changes, size: size, amount: share)
    book.add(
      Double(report.byteCount), "image", .changes, size: size, amount: share, .bytes)
    book.add(
      Double(report.duration) / Double(full), "until safe / full", .changes, size: size,
      amount: share, .ratio)
    book.add(
      Double(result.gap) / Double(fork), "pause seen / fork", .changes, size: size, amount: share,
      .ratio)
  }

  /// What finding the written pages costs: the same question to the kernel that the agent asks.
  private func measureScan(_ victim: VictimProcess, _ share: UInt64) {
    guard let scan = try? WrittenScan.time(victim.pid) else {
      book.note("changes: finding the written pages not timed, PAGEMAP_SCAN fails")
      return
    }
    let perGibibyte = Double(scan) * Double(1 << 30) / Double(victim.size)
    book.add(
      perGibibyte, "finding the pages, per GiB", .changes, size: victim.size, amount: share)
  }
}
