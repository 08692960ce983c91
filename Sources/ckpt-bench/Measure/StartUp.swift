internal import CheckpointKit
internal import Kernel

/// What the agent adds to the start of a program.
struct StartUp {
  let base: Measurement
  private var book: Book { base.book }
  private static let program = "/bin/true"

  func run() throws(BenchFailure) {
    base.tell("start-up")
    // The first ones warm up.
    for _ in 0..<20 { _ = try (time(preload: nil), time(preload: base.programs.agent)) }
    // Differences of the lowest of ten: what else goes on in the machine only ever adds.
    for _ in 0..<base.options.startRounds {
      var (without, with) = (UInt64.max, UInt64.max)
      for _ in 0..<10 {
        without = min(without, try time(preload: nil))
        with = min(with, try time(preload: base.programs.agent))
      }
      book.add(without, "start of \(Self.program), without", .start)
      book.add(with, "start of \(Self.program), with the agent", .start)
      book.add(Double(with) - Double(without), "start-up cost", .start)
    }
    if let without = calls([]), let with = calls(["-E", "LD_PRELOAD=\(base.programs.agent)"]) {
      book.note("start-up: \(without) system calls without the agent, \(with) with it")
    } else {
      book.note("start-up: system calls not counted, no strace here")
    }
  }

  private func time(preload: String?) throws(BenchFailure) -> UInt64 {
    let start = Clock.monotonic
    try spawn([Self.program], preload: preload).wait()
    return Clock.monotonic - start
  }

  private func calls(_ options: [String]) -> Int? {
    defer { base.scratch.remove("calls") }
    let words = ["strace", "-o", base.scratch.path("calls")] + options + [Self.program]
    guard let child = try? spawn(words), child.wait() == 0 else { return nil }
    return base.scratch.text("calls").split(separator: "\n").filter { $0.contains("(") }.count
  }
}
