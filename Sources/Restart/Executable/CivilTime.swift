internal import Kernel

/// A moment as people write it, in universal time.
///
/// Pure.
struct CivilTime: Equatable, BitwiseCopyable {
  let year: UInt64
  let month: UInt64
  let day: UInt64

  /// Of the day.
  let second: UInt64

  /// Counts in years that begin with March: then the leap day is the last.
  init(secondsSince1970 seconds: UInt64) {
    // From 1 March of the year 0: whole eras of 400 years, which have 146097 days each.
    let days = seconds / 86400 + 719_468
    let dayOfEra = days % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfEra + days / 146_097 * 400 + (month <= 2 ? 1 : 0)
    second = seconds % 86400
  }

  /// Appends `2026-11-21 15:56:33 UTC`.
  func append(to line: inout Line) {
    line.append(decimal: year)
    Self.append("-", month, to: &line)
    Self.append("-", day, to: &line)
    Self.append(" ", second / 3600, to: &line)
    Self.append(":", second / 60 % 60, to: &line)
    Self.append(":", second % 60, to: &line)
    line.append(" UTC")
  }

  private static func append(_ separator: StaticString, _ value: UInt64, to line: inout Line) {
    line.append(separator)
    if value < 10 { line.append("0") }
    line.append(decimal: value)
  }
}
