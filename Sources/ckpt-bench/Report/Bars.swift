/// The pictures as text: a bar for each median, on a logarithmic scale, and marks for the spread.
struct Bars {
  static let width = 48

  static func text(_ chart: Chart) -> String {
    let series = chart.lines.flatMap { $0.points.map(\.series) }
    let lowest = series.map(\.min).min() ?? 1
    let highest = series.map(\.max).max() ?? 1
    guard lowest > 0, lowest.isFinite, highest.isFinite else { return "" }
    let nameWidth = chart.lines.map(\.name.count).max() ?? 0
    // A ratio near 1 needs no decades.
    let scale = Scale(low: lowest, high: highest)
    var text = "\n\(chart.title) (\(chart.yName)\(scale.isLogarithmic ? ", logarithmic" : ""))\n"
    for x in chart.ticks {
      text += "  \(chart.tick(x))\n"
      for line in chart.lines {
        guard let series = line.points.first(where: { $0.x == x })?.series else { continue }
        let name = line.name + String(repeating: " ", count: nameWidth - line.name.count)
        text += "    \(name) |\(bar(series, scale)) \(significant(series.median / chart.scale))\n"
      }
    }
    return text
  }

  private struct Scale {
    let low: Double
    let high: Double

    var isLogarithmic: Bool { high > low * 4 }

    /// 0 to `width`.
    func place(_ value: Double) -> Int {
      let share =
        isLogarithmic
        ? (1 + logarithm(value / low)) / (1 + logarithm(high / low))
        : value / high
      return Swift.min(Bars.width, Swift.max(1, Int((share * Double(Bars.width)).rounded())))
    }
  }

  /// `#` up to the median, `-` up to the highest, `=` from the lowest to the median.
  private static func bar(_ series: Series, _ scale: Scale) -> String {
    let low = scale.place(series.min)
    let middle = scale.place(series.median)
    let high = scale.place(series.max)
    let cells = (1...width).map { cell in
      cell <= low ? "#" : cell <= middle ? "=" : cell <= high ? "-" : " "
    }
    return cells.joined()
  }

  /// Base 10, of 1 and more, exact enough for a bar.
  private static func logarithm(_ value: Double) -> Double {
    var rest = value
    var result = 0.0
    while rest >= 10 {
      rest /= 10
      result += 1
    }
    var step = 0.5
    var root = 10.0.squareRoot()
    while step > 0.001 {
      if rest >= root {
        rest /= root
        result += step
      }
      step /= 2
      root = root.squareRoot()
    }
    return result
  }
}
