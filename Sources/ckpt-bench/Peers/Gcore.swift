internal import CheckpointKit
internal import Kernel

/// gdb's `gcore`: it saves a running program as a core file that nothing brings back.
struct Gcore {
  let scratch: Scratch

  /// `nil` where it is not installed.
  init?(_ scratch: Scratch, _ book: Book) {
    guard (try? spawn(["gcore"]).wait()) != nil else {
      book.note("gcore: skipped, not installed (Debian: apt-get install gdb)")
      return nil
    }
    self.scratch = scratch
  }

  /// - Returns: nanoseconds of the pause that the victim saw and of the whole, bytes of the file.
  func save(
    _ victim: VictimProcess
  ) throws(BenchFailure) -> (gap: UInt64, wall: UInt64, byteCount: UInt64) {
    let name = "core.\(victim.pid)"
    scratch.place.settle()
    defer { scratch.remove(name) }
    let (result, gap) = try victim.longestGap { () throws(BenchFailure) in
      let start = Clock.monotonic
      let status = try spawn(
        ["gcore", "-o", scratch.path("core"), String(victim.pid)], output: scratch.path("output")
      ).wait()
      return (status, Clock.monotonic - start)
    }
    guard result.0 == 0 else { throw BenchFailure("gcore: \(scratch.text("output"))") }
    return (gap, result.1, scratch.byteCount(name))
  }
}
