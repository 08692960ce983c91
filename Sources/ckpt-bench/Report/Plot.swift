internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// The pictures as a PNG, by gnuplot.
struct Plot {
  let folder: String

  /// Told apart by all readers; the first is for what the others are held against.
  private static let colors = [
    "#444444", "#999999", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
  ]

  /// - Returns: a sentence on where the picture is, or why there is none.
  func draw(_ charts: [Chart]) throws(BenchFailure) -> String {
    guard !charts.isEmpty else { return "no plot: nothing to draw" }
    let script = "\(folder)/bench.gnuplot"
    let picture = "\(folder)/bench.png"
    try write(text(charts, picture), to: script)
    let log = "\(folder)/gnuplot.log"
    defer { _ = try? HostFiles.remove(log) }
    guard let child = try? spawn(["gnuplot", script], output: log) else {
      return "no \(picture): gnuplot is not installed (Debian: apt-get install gnuplot-nox); "
        + "then: gnuplot \(script)"
    }
    guard child.wait() == 0 else {
      return "no \(picture): gnuplot: \((try? HostFiles.text(of: log)) ?? "")"
    }
    return "plot: \(picture)"
  }

  private func text(_ charts: [Chart], _ picture: String) -> String {
    let rows = (charts.count + 1) / 2
    let columns = charts.count > 1 ? 2 : 1
    return """
      set terminal pngcairo noenhanced size \(columns * 860),\(rows * 520) font "sans,11" background "white"
      set output \(quoted(picture))
      set multiplot layout \(rows),\(columns) margins 0.07,0.98,0.06,0.95 spacing 0.09,0.11
      set grid ytics lc rgb "#dddddd"
      set border 3
      set tics nomirror
      set key top left Left reverse samplen 2 spacing 1.1
      set bars small

      """ + charts.map(text).joined() + "unset multiplot\n"
  }

  private func text(_ chart: Chart) -> String {
    // Equal distances for x: sizes, shares and numbers of threads all grow by leaps.
    let ticks = chart.ticks
    // To gnuplot a tick's label is a format.
    let xtics = ticks.enumerated().map { place, tick in
      let label = chart.tick(tick).split(separator: "%", omittingEmptySubsequences: false)
      return "\(quoted(label.joined(separator: "%%"))) \(place)"
    }.joined(separator: ", ")
    let values = chart.lines.flatMap { $0.points.flatMap { [$0.series.min, $0.series.max] } }
    let isLogarithmic = (values.max() ?? 1) > (values.min() ?? 1) * 10
    let blocks = chart.lines.enumerated().map { index, line in
      "$line\(index) << EOD\n" + points(line, ticks, chart) + "EOD\n"
    }
    // Side by side by a little, so that the spreads can be told apart.
    let shift = 0.05
    let plots = chart.lines.enumerated().map { index, line in
      let offset = (Double(index) - Double(chart.lines.count - 1) / 2) * shift
      let color = Self.colors[line.color % Self.colors.count]
      let style = line.color < 2 ? "dt 2" : "dt 1"
      let marks = chart.isOrdered ? "yerrorlines" : "yerrorbars"
      return
        "$line\(index) using ($1 + \(offset)):2:3:4 with \(marks) lw 2 pt 7 ps 0.9 \(style) "
        + "lc rgb \"\(color)\" title \(quoted(line.name))"
    }
    return blocks.joined() + """
      set title \(quoted(chart.title)) font "sans,13"
      set xlabel \(quoted(chart.xName))
      set ylabel \(quoted(chart.yName))
      set xtics (\(xtics))
      set xrange [-0.4:\(Double(ticks.count) - 0.6)]
      \(range(values.map { $0 / chart.scale }, isLogarithmic))
      plot \(plots.joined(separator: ", \\\n     "))

      """
  }

  /// Room above the lines for the key.
  private func range(_ values: [Double], _ isLogarithmic: Bool) -> String {
    let low = values.min() ?? 0
    let high = values.max() ?? 1
    guard isLogarithmic else {
      let margin = (high - low) * 0.35
      return
        "unset logscale y\nset yrange [\(low - margin / 3):\(high + margin)]\nset format y '%g'"
    }
    return "set logscale y\nset yrange [\(low / 1.5):\(high * 20)]\nset format y '%g'"
  }

  private func points(_ line: ChartLine, _ ticks: [UInt64], _ chart: Chart) -> String {
    line.points.map { x, series in
      let place = ticks.firstIndex(of: x) ?? 0
      let values = [series.median, series.min, series.max].map { "\($0 / chart.scale)" }
      return "\(place) \(values.joined(separator: " "))\n"
    }.joined()
  }

  private func quoted(_ text: String) -> String {
    "\"" + text.filter { $0 != "\"" && $0 != "\\" } + "\""
  }
}
