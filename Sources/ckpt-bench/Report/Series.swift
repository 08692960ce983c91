/// Results of the same measurement, repeated.
struct Series {
  private(set) var values: [Double] = []

  mutating func add(_ value: Double) { values.append(value) }

  var isEmpty: Bool { values.isEmpty }
  var count: Int { values.count }
  var min: Double { values.min() ?? .nan }
  var max: Double { values.max() ?? .nan }
  var median: Double { quantile(0.5) }

  /// Between the two values beside that place in order, in proportion.
  ///
  /// - Parameter share: 0 to 1.
  func quantile(_ share: Double) -> Double {
    let sorted = values.sorted()
    guard let last = sorted.last else { return .nan }
    let place = share * Double(sorted.count - 1)
    let index = Int(place)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (place - Double(index))
  }
}
