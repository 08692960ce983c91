/// Something to reach, and what it is held against.
struct Goal {
  let name: String

  /// "≤ 1.3 ×", as printed.
  let text: String
  let unit: Unit
  let series: Series

  /// Whether its middle is good enough.
  let isMet: Bool

  /// - Parameter limit: the largest median that is good enough.
  init(_ name: String, atMost limit: Double, _ unit: Unit, _ series: Series, _ text: String) {
    self.name = name
    self.text = text
    self.unit = unit
    self.series = series
    isMet = series.median <= limit
  }

  /// - Parameter limit: the smallest median that is good enough.
  init(_ name: String, atLeast limit: Double, _ unit: Unit, _ series: Series, _ text: String) {
    self.name = name
    self.text = text
    self.unit = unit
    self.series = series
    isMet = series.median >= limit
  }

  /// Lowest, median, highest, and whether the goal is met.
  var row: [String] {
    guard !series.isEmpty else { return [name, text, "-", "-", "-", "not measured"] }
    let values = [series.min, series.median, series.max].map { ckpt_bench.text($0, unit) }
    return [name, text] + values + [isMet ? "met" : "missed"]
  }
}
