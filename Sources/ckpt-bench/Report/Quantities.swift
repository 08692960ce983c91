/// A number with so many digits behind the point; "-" for none.
func decimal(_ value: Double, _ places: Int) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "-" }
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  let scaled = Int64((value.magnitude * scale).rounded())
  let whole = scaled / Int64(scale)
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard places > 0 else { return "\(sign)\(whole)" }
  let part = String(scaled % Int64(scale))
  return "\(sign)\(whole).\(String(repeating: "0", count: places - part.count))\(part)"
}

/// Three significant digits, or all before the point.
func significant(_ value: Double) -> String {
  decimal(value, value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2)
}

/// "16 MiB", "1 GiB", "1.3 GiB".
func byteCountText(_ byteCount: UInt64) -> String {
  let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  var value = Double(byteCount)
  var unit = 0
  while value >= 1000, unit + 1 < units.count {
    value /= 1024
    unit += 1
  }
  let text = value == value.rounded() ? decimal(value, 0) : significant(value)
  return "\(text) \(units[unit])"
}

/// "870 ns", "12.4 µs", "350 ms", "2.10 s".
func timeText(_ nanoseconds: Double) -> String {
  guard nanoseconds.isFinite else { return "-" }
  let scales: [(Double, String)] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")]
  for (scale, name) in scales where nanoseconds.magnitude >= scale * 0.9995 {
    return "\(significant(nanoseconds / scale)) \(name)"
  }
  return "\(significant(nanoseconds)) ns"
}

/// A value in the words of its unit.
func text(_ value: Double, _ unit: Unit) -> String {
  guard value.isFinite else { return "-" }
  return switch unit {
  case .nanoseconds: timeText(value)
  case .bytes: byteCountText(UInt64(Swift.max(0, value)))
  case .bytesPerSecond: "\(significant(value / 1e9)) GB/s"
  case .ratio: value.magnitude < 0.1 ? decimal(value, 4) : decimal(value, 3)
  }
}

/// "1 %", "0.1 %", from parts of a million.
func shareText(_ share: UInt64) -> String {
  let percent = Double(share) / 10_000
  return percent == percent.rounded() ? "\(decimal(percent, 0)) %" : "\(significant(percent)) %"
}
