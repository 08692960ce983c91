/// A line in a chart: a name, and where it goes.
struct ChartLine {
  let name: String

  /// Which of the colors.
  ///
  /// The same for the same thing in all charts; 0 and 1 are for what the others are held against.
  let color: Int

  /// By x: lowest, median, highest.
  let points: [(x: UInt64, series: Series)]
}

/// One of the pictures: what is in it and how its axes are called.
struct Chart {
  let title: String
  let xName: String
  let yName: String

  /// What a value is divided by before it is drawn.
  let scale: Double
  let lines: [ChartLine]

  /// Whether x grows, so that lines between the points say something.
  var isOrdered = true

  /// "16 MiB" for 16777216.
  let tick: (UInt64) -> String

  /// All x, in order.
  var ticks: [UInt64] { Set(lines.flatMap { $0.points.map(\.x) }).sorted() }
}
