/// A difference of clocks, as /proc/self/timens_offsets wants it.
///
/// Source: time_namespaces(7).
struct TimeOffset: Equatable, BitwiseCopyable {
  static let nanosecondsPerSecond: Int64 = 1_000_000_000

  /// Nanoseconds to add to the machine's clock.
  let nanoseconds: Int64

  /// What makes a clock go on from `saved`.
  ///
  /// Offsets of nested namespaces do not add up: each is against the machine's own clock.
  ///
  /// - Parameters:
  ///   - saved: the clock in the image, ns.
  ///   - now: the clock as this process sees it, ns.
  ///   - current: the offset that `now` contains, ns.
  init(saved: UInt64, now: UInt64, current: Int64) {
    let machine = Int64(truncatingIfNeeded: now) &- current
    nanoseconds = Int64(truncatingIfNeeded: saved) &- machine
  }

  /// Rounded down, so that `remainder` is never negative.
  var seconds: Int64 {
    let quotient = nanoseconds / Self.nanosecondsPerSecond
    return nanoseconds % Self.nanosecondsPerSecond < 0 ? quotient - 1 : quotient
  }

  /// Nanoseconds beyond `seconds`, 0..<1,000,000,000.
  var remainder: Int64 {
    let remainder = nanoseconds % Self.nanosecondsPerSecond
    return remainder < 0 ? remainder + Self.nanosecondsPerSecond : remainder
  }
}
