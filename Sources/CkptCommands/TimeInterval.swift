internal import ArgumentParser

/// A length of time as the agent takes it: `90`, `500ms`, `30s`, `10m`, `2h`, `1d`.
struct TimeInterval: ExpressibleByArgument, Equatable, Sendable {
  /// As it was written: the agent reads it again.
  let text: String
  let milliseconds: Int

  /// Longest time that the agent takes, in milliseconds: 366 days.
  private static let longest: UInt64 = 366 * 86_400_000

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    guard let unit = Self.milliseconds(in: argument.dropFirst(digits.count)),
      let count = UInt64(digits), (1...Self.longest / unit).contains(count), digits.count < 12
    else { return nil }
    text = argument
    milliseconds = Int(count * unit)
  }

  private static func milliseconds(in unit: Substring) -> UInt64? {
    switch unit {
    case "ms": 1
    case "", "s": 1000
    case "m": 60_000
    case "h": 3_600_000
    case "d": 86_400_000
    default: nil
    }
  }
}
