/// The pictures of a run; one without figures is left out.
struct Charts {
  let book: Book

  /// A line by its label, color and the name of its figures.
  private struct Wanted {
    let label: String
    let color: Int
    let name: String

    init(_ label: String, _ color: Int, _ name: String) {
      self.label = label
      self.color = color
      self.name = name
    }
  }

  var all: [Chart] {
    [pauses, durations, restarts, changes, threads, idle].filter { !$0.lines.isEmpty }
  }

  private var pauses: Chart {
    bySize(
      "Pause, as the program sees it", .save, "milliseconds", 1e6,
      [
        Wanted("bare fork", 0, "bare fork"),
        Wanted("copy-on-write", 2, "pause seen, copy-on-write"),
        Wanted("in place", 3, "pause seen, in place"),
        Wanted(SaveMode.precopy.name, 4, "pause seen, \(SaveMode.precopy.name)"),
        Wanted(SaveMode.precopyHot.name, 7, "pause seen, \(SaveMode.precopyHot.name)"),
        Wanted("gcore", 5, "pause seen, gcore"), Wanted("CRIU", 6, "pause seen, CRIU"),
      ])
  }

  private var durations: Chart {
    bySize(
      "Until the image is safe on disk", .save, "seconds", 1e9,
      [
        Wanted("write + fdatasync", 0, "write + fdatasync"),
        Wanted("O_DIRECT write", 1, "O_DIRECT write"),
        Wanted("copy-on-write", 2, "until safe, copy-on-write"),
        Wanted("in place", 3, "until safe, in place"),
        Wanted(SaveMode.precopy.name, 4, "until safe, \(SaveMode.precopy.name)"),
        Wanted("gcore (not synced)", 5, "whole command, gcore"),
        Wanted("CRIU (not synced)", 6, "whole command, CRIU"),
      ])
  }

  private var restarts: Chart {
    bySize(
      "Restart from the page cache", .restart, "seconds", 1e9,
      [
        Wanted("plain read loop", 0, "read loop"),
        Wanted("all of memory read", 2, "eager, all read"),
        Wanted("lazy: all of memory read", 3, "lazy, all read"),
        Wanted("lazy: filled in the background", 4, "lazy, filled in the background"),
        Wanted("lazy: first instruction", 7, "lazy, first instruction"),
        Wanted("CRIU: all of memory read", 6, "CRIU, all read"),
      ])
  }

  private func bySize(
    _ title: String, _ section: Section, _ yName: String, _ scale: Double, _ wanted: [Wanted]
  ) -> Chart {
    Chart(
      title: title, xName: "memory of the program", yName: yName, scale: scale,
      lines: wanted.compactMap { line(section, $0, \.size) }, tick: byteCountText)
  }

  private func line(
    _ section: Section, _ wanted: Wanted, _ x: (Figure) -> UInt64
  ) -> ChartLine? {
    let figures = book.figures.filter { $0.section == section && $0.name == wanted.name }
    return Self.line(wanted.label, wanted.color, figures.map { (x($0), $0.series) })
  }

  private static func line(
    _ name: String, _ color: Int, _ points: [(x: UInt64, series: Series)]
  ) -> ChartLine? {
    let points = points.filter { !$0.series.isEmpty }.sorted { $0.x < $1.x }
    return points.isEmpty ? nil : ChartLine(name: name, color: color, points: points)
  }

  /// Of each size: an incremental image, relative to the full one.
  private var changes: Chart {
    let figures = book.figures.filter { $0.section == .changes && $0.name == "until safe / full" }
    let lines = book.sizes(.changes).enumerated().compactMap { index, size in
      Self.line(
        byteCountText(size), index + 2,
        figures.filter { $0.size == size }.map { ($0.amount, $0.series) })
    }
    return Chart(
      title: "Incremental image, time relative to a full one", xName: "pages written since",
      yName: "of the full image's time", scale: 1, lines: lines, tick: shareText)
  }

  private var threads: Chart {
    let wanted = [
      Wanted("bare fork", 0, "bare fork"), Wanted("copy-on-write", 2, "pause seen"),
    ]
    return Chart(
      title: "Pause of a program with many threads", xName: "threads", yName: "milliseconds",
      scale: 1e6, lines: wanted.compactMap { line(.threads, $0, \.amount) }, tick: { "\($0)" })
  }

  private var idle: Chart {
    let wanted = [
      ("without, another process", 0, "without / without"), ("with the agent", 2, "with / without"),
    ]
    let lines = wanted.compactMap { label, color, suffix in
      Self.line(
        label, color,
        Chores.all.indices.map { index in
          (UInt64(index), book.series("\(Chores.all[index].name), \(suffix)", .idle))
        })
    }
    return Chart(
      title: "Loaded, idle agent: time of a call relative to none", xName: "", yName: "ratio",
      scale: 1, lines: lines, isOrdered: false, tick: { Chores.all[Int($0)].name })
  }
}
