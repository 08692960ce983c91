internal import BenchBoard

/// Saving in all modes, against a bare fork, plain writes and the peers.
struct Saving {
  let base: Measurement
  let limits: Limits
  private let modes: [SaveMode]
  private let gcore: Gcore?
  private let criu: Criu?
  private var book: Book { base.book }

  init(_ base: Measurement) throws(BenchFailure) {
    self.base = base
    limits = try Limits(base.scratch)
    modes = SaveMode.all.filter { mode in
      guard let option = mode.options.first, !base.programs.saveKnows(option) else { return true }
      base.book.note("\(mode.name): skipped, this `ckpt save` has no \(option)")
      return false
    }
    gcore = Gcore(base.scratch, base.book)
    criu = Criu(base.scratch, base.book)
  }

  func run() throws(BenchFailure) {
    for size in base.options.sizes where base.fits(size, files: 1, .save) {
      base.tell("saving \(byteCountText(size))")
      try base.withVictim(size: size) { victim throws(BenchFailure) in
        var modes = modes.filter { mode in works(mode, victim) && !mode.isForSize }
        // The modes in turn, a round after another; every second round in the opposite order.
        for round in 0..<base.options.rounds(size) {
          let (direct, durable) = try measureLimits(size)
          for mode in modes { try measure(mode, victim, best: min(direct ?? durable, durable)) }
          if round < base.options.peerRounds(size) { measurePeers(victim) }
          modes.reverse()
        }
      }
    }
  }

  // MARK: What the machine can do

  private func measureLimits(
    _ size: UInt64
  ) throws(BenchFailure) -> (direct: UInt64?, durable: UInt64) {
    let direct = try limits.writeDirectly(size)
    if let direct { book.add(direct, "O_DIRECT write", .save, size: size) }
    try limits.warmPageCache(size)
    let (written, durable) = try limits.write(size)
    book.add(written, "write", .save, size: size)
    book.add(durable, "write + fdatasync", .save, size: size)
    book.add(limits.copy(size), "memcpy", .save, size: size)
    return (direct, durable)
  }

  // MARK: Us

  /// Whether this build saves in that way: one that is not counted, which warms up as well.
  private func works(_ mode: SaveMode, _ victim: VictimProcess) -> Bool {
    do throws(BenchFailure) {
      let report = try save(mode, victim).report
      if mode.isForSize {
        book.add(
          Double(report.byteCount), "image, \(mode.name)", .save, size: victim.size, .bytes)
      }
      guard let expected = mode.expected, report.mode != expected else { return true }
      let cause = report.cause.isEmpty ? "" : " (\(report.cause))"
      let isDefault = mode.options.isEmpty
      book.note(
        "\(mode.name), \(byteCountText(victim.size)): \(isDefault ? "" : "skipped, ")"
          + "the agent saved \(report.mode)\(cause)\(isDefault ? "; the figures are of that" : "")")
      return isDefault
    } catch {
      book.note("\(mode.name), \(byteCountText(victim.size)): skipped, \(error.reason)")
      return false
    }
  }

  private func save(_ mode: SaveMode, _ victim: VictimProcess) throws(BenchFailure) -> Saver.Result
  {
    let pages = victim.size / 4096
    let rate = pages * mode.share / 1_000_000
    if rate > 0 {
      try victim.ask(.keepDirtying, mode.isHot ? rate * 10 : rate, mode.isHot ? rate : 0)
    }
    let result = try base.saver.save(victim, mode.options, to: "image")
    base.scratch.remove("image")
    if rate > 0 { try victim.ask(.keepDirtying, 0, 0) }
    return result
  }

  private func measure(_ mode: SaveMode, _ victim: VictimProcess, best: UInt64) throws(BenchFailure)
  {
    let size = victim.size
    let fork = try victim.fork()
    let result = try save(mode, victim)
    let report = result.report
    book.add(fork, "bare fork", .save, size: size)
    book.add(result.gap, "pause seen, \(mode.name)", .save, size: size)
    book.add(report.pause, "pause told, \(mode.name)", .save, size: size)
    book.add(report.duration, "until safe, \(mode.name)", .save, size: size)
    book.add(result.wall, "whole command, \(mode.name)", .save, size: size)
    book.add(Double(report.byteCount), "image, \(mode.name)", .save, size: size, .bytes)
    ratio(result.gap, fork, "pause seen / fork, \(mode.name)", size)
    ratio(report.pause, fork, "pause told / fork, \(mode.name)", size)
    // The image is a little larger than the victim's memory: by as much the plain write counts more.
    let limit = Double(best) * Double(report.byteCount) / Double(size)
    book.add(
      Double(report.duration) / limit, "until safe / best write, \(mode.name)", .save, size: size,
      .ratio)
  }

  private func ratio(_ part: UInt64, _ whole: UInt64, _ name: String, _ size: UInt64) {
    book.add(Double(part) / Double(whole), name, .save, size: size, .ratio)
  }

  // MARK: Peers

  private func measurePeers(_ victim: VictimProcess) {
    let peers: [(String, ((VictimProcess) throws(BenchFailure) -> (UInt64, UInt64, UInt64))?)] = [
      ("gcore", gcore?.save), ("CRIU", criu?.save),
    ]
    for (name, save) in peers {
      guard let save else { continue }
      do throws(BenchFailure) {
        let (gap, wall, byteCount) = try save(victim)
        book.add(gap, "pause seen, \(name)", .save, size: victim.size)
        book.add(wall, "whole command, \(name)", .save, size: victim.size)
        book.add(Double(byteCount), "image, \(name)", .save, size: victim.size, .bytes)
      } catch {
        book.note("\(name), \(byteCountText(victim.size)): \(error.reason)")
      }
    }
  }
}
