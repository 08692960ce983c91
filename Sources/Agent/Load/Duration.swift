internal import Procfs

/// A length of time as people write it: a whole number and a unit, seconds when there is none.
enum Duration {
  /// A year and a day: beyond it somebody mistook the unit.
  private static let longest: UInt64 = 366 * 86_400 * 1_000_000_000

  /// - Returns: nanoseconds, `nil` when it is none, zero, or more than 366 days.
  static func parse(_ cursor: inout TextCursor) -> UInt64? {
    let start = cursor.offset
    // More digits than any time that is allowed; twenty would wrap.
    guard let count = cursor.number(), cursor.offset - start < 12 else { return nil }
    let (nanoseconds, overflows) = count.multipliedReportingOverflow(by: unit(&cursor))
    guard !overflows, nanoseconds > 0, nanoseconds <= longest else { return nil }
    return nanoseconds
  }

  private static func unit(_ cursor: inout TextCursor) -> UInt64 {
    if cursor.take("ms") { return 1_000_000 }
    if cursor.take("m") { return 60 * 1_000_000_000 }
    if cursor.take("h") { return 3600 * 1_000_000_000 }
    if cursor.take("d") { return 86_400 * 1_000_000_000 }
    _ = cursor.take("s")
    return 1_000_000_000
  }
}
