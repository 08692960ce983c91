/// "512 B", "41.2 MiB".
func byteCountText(_ byteCount: UInt64) -> String {
  guard byteCount >= 1024 else { return "\(byteCount) B" }
  var value = Double(byteCount)
  var unit = 0
  let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
  while value >= 1023.95 && unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return "\(oneDecimal(value)) \(units[unit])"
}

/// "0.4 ms", "2.3 s".
func durationText(_ nanoseconds: UInt64) -> String {
  let value = Double(nanoseconds)
  if value < 999_950 { return "\(oneDecimal(value / 1e3)) µs" }
  if value < 999_950_000 { return "\(oneDecimal(value / 1e6)) ms" }
  return "\(oneDecimal(value / 1e9)) s"
}

private func oneDecimal(_ value: Double) -> String {
  let tenths = UInt64((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}

/// "0x7f00deadbeef".
func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// "2026-03-01 12:30:05 UTC", from nanoseconds since 1970.
func timeText(_ nanoseconds: UInt64) -> String {
  let seconds = nanoseconds / 1_000_000_000
  let date = civilDate(daysSince1970: Int64(seconds / 86_400))
  let time = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { twoDigits(Int64($0)) }
  return "\(date) \(time.joined(separator: ":")) UTC"
}

/// The Gregorian date of a day, by eras of 400 years that start in March.
private func civilDate(daysSince1970 days: Int64) -> String {
  let shifted = days + 719_468
  let era = shifted / 146_097
  let dayOfEra = shifted % 146_097
  let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
  let shiftedMonth = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return "\(year + era * 400 + (month <= 2 ? 1 : 0))-\(twoDigits(month))-\(twoDigits(day))"
}

private func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
