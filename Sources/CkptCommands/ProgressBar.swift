internal import CheckpointKit

/// One line on a terminal that is drawn over and over, from half a second on.
struct ProgressBar {
  let isShown: Bool

  /// CLOCK_MONOTONIC, in nanoseconds.
  let start: UInt64

  /// Whether speed and time left are shown.
  let showsSpeed: Bool
  private var lastDrawn: UInt64?

  /// Columns of the bar itself.
  private static let width = 30

  init(isShown: Bool, start: UInt64, showsSpeed: Bool = false) {
    self.isShown = isShown
    self.start = start
    self.showsSpeed = showsSpeed
  }

  /// What to write to the terminal now; `nil` when it is too early.
  mutating func line(for report: ControlReport.Progress, at now: UInt64) -> String? {
    guard isShown, report.total > 0, now >= start + 500_000_000,
      lastDrawn.map({ now >= $0 + 50_000_000 }) ?? true
    else { return nil }
    lastDrawn = now
    let done = min(report.done, report.total)
    let share = Double(done) / Double(report.total)
    let filled = Int(share * Double(Self.width))
    let bar =
      String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
    let sizes = "\(byteCountText(done)) of \(byteCountText(report.total))"
    let rest = showsSpeed ? speed(done, of: report.total, in: now - start) : ""
    return "\r\u{1B}[K[\(bar)] \(Int(share * 100)) %  \(sizes)\(rest)"
  }

  private func speed(_ done: UInt64, of total: UInt64, in nanoseconds: UInt64) -> String {
    let perSecond = Double(done) * 1e9 / Double(nanoseconds)
    guard perSecond >= 1 else { return "" }
    let left = UInt64(Double(total - done) / perSecond * 1e9)
    return "  \(byteCountText(UInt64(perSecond)))/s, \(durationText(left)) left"
  }

  /// What wipes the line away; empty when none was drawn.
  var erasing: String { lastDrawn == nil ? "" : "\r\u{1B}[K" }
}
