internal import BenchBoard
internal import CheckpointKit
internal import Kernel

/// Bringing a victim back, against reading as many bytes.
struct Restarting {
  let base: Measurement
  private var book: Book { base.book }
  private var scratch: Scratch { base.scratch }

  func run() throws(BenchFailure) {
    if !base.programs.restartKnows("--lazy") {
      book.note("lazy restart: skipped, this `restart` has no --lazy")
    }
    for size in base.options.sizes where base.fits(size, files: 2, .restart) {
      base.tell("restart of \(byteCountText(size))")
      defer { scratch.clear() }
      try measure(size)
    }
  }

  private func measure(_ size: UInt64) throws(BenchFailure) {
    let victim = try VictimProcess(size: size, refusesHugePages: false, base.programs)
    defer { victim.removeBoard() }
    let resident = residentByteCount(victim.pid)
    try save(victim)
    let isLazy = base.programs.restartKnows("--lazy")
    for _ in 0..<base.options.rounds(size) {
      _ = try Limits.read(scratch.path("image"))
      let read = try Limits.read(scratch.path("image"))
      book.add(read, "read loop", .restart, size: size)
      let eager = try bringBack(victim, [], "eager")
      ratio(eager.all, read, "eager, all read / read loop", size)
      guard isLazy else { continue }
      do throws(BenchFailure) {
        let lazy = try bringBack(victim, ["--lazy"], "lazy")
        ratio(lazy.all, read, "lazy, all read / read loop", size)
        let fill = try fillInBackground(victim, resident)
        book.add(fill, "lazy, filled in the background", .restart, size: size)
        ratio(eager.all, fill, "lazy, speed of the fill / eager", size)
      } catch {
        book.note("lazy restart, \(byteCountText(size)): \(error.reason)")
      }
    }
  }

  private func save(_ victim: VictimProcess) throws(BenchFailure) {
    defer { victim.end(keepingBoard: true) }
    _ = try base.saver.save(victim, [], to: "image")
  }

  private func ratio(_ part: UInt64, _ whole: UInt64, _ name: String, _ size: UInt64) {
    book.add(Double(part) / Double(whole), name, .restart, size: size, .ratio)
  }

  // MARK: One life

  private func bringBack(
    _ victim: VictimProcess, _ options: [String], _ name: String
  ) throws(BenchFailure) -> (first: UInt64, all: UInt64) {
    try withLife(of: victim, options, readingAll: true) { _, times, _ throws(BenchFailure) in
      book.add(times.first, "\(name), first instruction", .restart, size: victim.size)
      book.add(times.all, "\(name), all read", .restart, size: victim.size)
      return times
    }
  }

  /// - Returns: nanoseconds until as much memory is there as before, with nobody touching it.
  private func fillInBackground(
    _ victim: VictimProcess, _ resident: UInt64
  ) throws(BenchFailure) -> UInt64 {
    try withLife(of: victim, ["--lazy"], readingAll: false) { pid, _, start throws(BenchFailure) in
      // The kernel's count is some hundred pages inexact.
      let enough = resident - min(resident, 2 << 20)
      for _ in 0..<120_000 {
        if residentByteCount(pid) >= enough { return Clock.realtime - start }
        sleep(milliseconds: 1)
      }
      throw BenchFailure("memory is not filled in the background")
    }
  }

  private func withLife<R>(
    of victim: VictimProcess, _ options: [String], readingAll: Bool,
    _ body: (Int32, (first: UInt64, all: UInt64), UInt64) throws(BenchFailure) -> R
  ) throws(BenchFailure) -> R {
    scratch.remove("pid")
    Limits.warmMemory(victim.size)
    let awakening = RestartedVictim(victim.board, readingAll: readingAll)
    let words =
      [base.programs.restart, "--pidfile", scratch.path("pid")] + options + [scratch.path("image")]
    let child = try spawn(words, output: scratch.path("output"))
    defer {
      if let pid = lifePID() { endProcess(pid) } else { child.end() }
      child.wait()
    }
    do throws(BenchFailure) {
      let times = try awakening.wait(for: child)
      guard let pid = lifePID() else { throw BenchFailure("no process ID in the file for it") }
      return try body(pid, times, awakening.start)
    } catch {
      throw BenchFailure("\(error.reason) \(scratch.text("output"))")
    }
  }

  /// What `restart` writes into the file for it, once it has seen the program run.
  private func lifePID() -> Int32? {
    for _ in 0..<1000 {
      let text = scratch.text("pid")
      if text.hasSuffix("\n") { return Int32(text.dropLast()) }
      sleep(milliseconds: 1)
    }
    return nil
  }

  /// Source: proc_pid_statm(5), the second number.
  private func residentByteCount(_ pid: Int32) -> UInt64 {
    let text = (try? HostFiles.text(of: "/proc/\(pid)/statm")) ?? ""
    let words = text.split(separator: " ")
    return words.count > 1 ? (UInt64(words[1]) ?? 0) * 4096 : 0
  }
}
