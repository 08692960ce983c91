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
