internal import CheckpointKit
internal import Kernel

/// CRIU, where it starts: Debian's 3.17 does not on Linux 6.13 and later.
struct Criu {
  let scratch: Scratch
  private var images: String { scratch.path("criu") }

  /// `nil` where it is not installed or says itself that it can't work.
  init?(_ scratch: Scratch, _ book: Book) {
    self.scratch = scratch
    guard let status = try? spawn(["criu", "check"], output: scratch.path("output")).wait() else {
      book.note("CRIU: skipped, not installed (Debian: apt-get install criu)")
      return nil
    }
    guard status == 0 else {
      let reason = scratch.text("output").split(separator: "\n").first { $0.hasPrefix("Error") }
      book.note("CRIU: skipped, `criu check` fails: \(reason ?? "no reason given")")
      return nil
    }
  }

  /// - Returns: nanoseconds of the pause that the victim saw and of the whole, bytes of the files.
  func save(
    _ victim: VictimProcess
  ) throws(BenchFailure) -> (gap: UInt64, wall: UInt64, byteCount: UInt64) {
    scratch.clear()
    makeFolder(images)
    scratch.place.settle()
    let (wall, gap) = try victim.longestGap { () throws(BenchFailure) in
      let start = Clock.monotonic
      try run(["dump", "-t", String(victim.pid), "--leave-running"])
      return Clock.monotonic - start
    }
    return (gap, wall, byteCount)
  }

  /// Brings back what `save` saved last; the program must have ended.
  ///
  /// - Returns: nanoseconds until its first instruction, and until all of its memory was read.
  func restart(_ victim: VictimProcess) throws(BenchFailure) -> (first: UInt64, all: UInt64) {
    let awakening = RestartedVictim(victim.board, readingAll: true)
    let child = try start(["restore", "--restore-detached"])
    let times = try awakening.wait(for: child)
    child.wait()
    endProcess(victim.pid)
    return times
  }

  private func run(_ words: [String]) throws(BenchFailure) {
    guard try start(words).wait() == 0 else {
      throw BenchFailure("criu \(words[0]): \(scratch.text("output").suffix(300))")
    }
  }

  private func start(_ words: [String]) throws(BenchFailure) -> StartedProgram {
    try spawn(
      ["criu"] + words + ["-D", images, "--shell-job"], output: scratch.path("output"))
  }

  private var byteCount: UInt64 {
    let names = (try? HostFiles.names(in: images)) ?? []
    return names.map { scratch.byteCount("criu/\($0)") }.reduce(0, +)
  }
}
