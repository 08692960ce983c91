internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// A running `ckpt-bench-victim`, in its first life or brought back.
struct Victim {
  let pid: Int32
  private let notes: String
  private let child: Child

  /// Starts one and waits until its memory is full.
  init(
    byteCount: UInt64, preload: String?, folder: String, _ options: Options
  ) throws(BenchFailure) {
    notes = "\(folder)/notes"
    _ = try? CheckpointKit.Files.remove(notes)
    child = try spawn([options.victim, String(byteCount), notes], preload: preload)
    pid = child.pid
    for _ in 0..<60_000 {
      if !lines.isEmpty { return }
      sleep(milliseconds: 2)
    }
    throw BenchFailure("the victim does not start")
  }

  func end() {
    child.end()
    child.wait()
  }

  /// Times at which it began and ended to stand still, nanoseconds of CLOCK_REALTIME.
  private var lines: [(start: UInt64, end: UInt64)] {
    Self.lines(of: notes)
  }

  private static func lines(of notes: String) -> [(start: UInt64, end: UInt64)] {
    guard let text = try? CheckpointKit.Files.text(of: notes) else { return [] }
    return text.split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt64($0) }
      return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }
  }

  /// The longest stand-still, in nanoseconds, that began after a moment.
  func longestPause(since moment: UInt64) -> UInt64 {
    lines.filter { $0.end > moment && $0.start > 1 << 40 }
      .map { $0.end - max($0.start, moment) }.max() ?? 0
  }

  /// When a program whose last life ended before `moment` ran again; waits for it.
  static func wakeTime(
    after moment: UInt64, notes: String
  ) throws(BenchFailure) -> UInt64 {
    for _ in 0..<60_000 {
      if let line = lines(of: notes).first(where: { $0.end > moment && $0.start < moment }) {
        return line.end
      }
      sleep(milliseconds: 1)
    }
    throw BenchFailure("the program does not come back")
  }
}
