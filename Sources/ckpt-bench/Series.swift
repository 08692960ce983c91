/// Results of the same measurement, repeated.
struct Series {
  private(set) var values: [Double] = []

  mutating func add(_ value: Double) { values.append(value) }

  var min: Double { values.min() ?? .nan }
  var max: Double { values.max() ?? .nan }

  var median: Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// "0.81 / 0.94 / 1.02": lowest, middle, highest.
  func text(_ places: Int = 2) -> String {
    guard !values.isEmpty else { return "-" }
    return [min, median, max].map { decimal($0, places) }.joined(separator: " / ")
  }
}

/// A number with so many digits behind the point.
func decimal(_ value: Double, _ places: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  let scaled = Int64((value.magnitude * scale).rounded())
  let whole = scaled / Int64(scale)
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard places > 0 else { return "\(sign)\(whole)" }
  let part = String(scaled % Int64(scale))
  return "\(sign)\(whole).\(String(repeating: "0", count: places - part.count))\(part)"
}

/// "16 MiB", "1.0 GiB".
func byteCountText(_ byteCount: UInt64) -> String {
  let mebibytes = Double(byteCount) / 1_048_576
  if mebibytes >= 1000 { return "\(decimal(mebibytes / 1024, 2)) GiB" }
  return mebibytes >= 1 ? "\(decimal(mebibytes, 1)) MiB" : "\(decimal(mebibytes * 1024, 0)) KiB"
}
