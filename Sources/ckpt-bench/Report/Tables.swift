/// The figures of each part of a run as text.
struct Tables {
  let book: Book

  func text(_ section: Section) -> String {
    let names = book.names(section)
    guard !names.isEmpty else { return "" }
    let hasSize = [Section.save, .changes, .restart, .stream].contains(section)
    return "\n\(title(section))\n\n"
      + (hasSize || section == .threads ? wide(section, names) : long(section, names))
  }

  private func title(_ section: Section) -> String {
    switch section {
    case .start: "Start of a program"
    case .rest: "Memory of a loaded, idle agent"
    case .idle: "Small things, per call: a loaded, idle agent against none"
    case .save: "Saving (lowest / median / highest)"
    case .changes: "Incremental images, by the share of pages written (lowest / median / highest)"
    case .restart: "Restart, from the page cache (lowest / median / highest)"
    case .stream: "Streams over the loopback interface (lowest / median / highest)"
    case .track: "Writing a word to every page"
    case .threads: "Stopping threads (lowest / median / highest)"
    }
  }

  /// A row a figure: lowest, median, highest.
  private func long(_ section: Section, _ names: [String]) -> String {
    var table = TextTable(["", "lowest", "median", "highest", "times"])
    for figure in book.figures where figure.section == section {
      let series = figure.series
      table.add(
        [figure.name]
          + [series.min, series.median, series.max].map { ckpt_bench.text($0, figure.unit) }
          + [String(series.count)])
    }
    return table.text
  }

  /// A row a name, a column a size or number of threads; by share there is a table a size.
  private func wide(_ section: Section, _ names: [String]) -> String {
    let figures = book.figures.filter { $0.section == section }
    guard section == .changes else {
      let isThreads = section == .threads
      let columns = Set(figures.map { isThreads ? $0.amount : $0.size }).sorted()
      return grid(
        figures, names, columns, { isThreads ? $0.amount : $0.size },
        { isThreads ? "\($0)" : byteCountText($0) })
    }
    return book.sizes(section).map { size in
      let some = figures.filter { $0.size == size }
      let full = some.first { $0.name.hasPrefix("full") }
      let head = "  \(byteCountText(size)); a full image: \(full.map(cell) ?? "-")\n"
      let rest = some.filter { !$0.name.hasPrefix("full") }
      let columns = Set(rest.map(\.amount)).sorted()
      return head
        + grid(rest, names.filter { !$0.hasPrefix("full") }, columns, \.amount, shareText)
    }.joined(separator: "\n")
  }

  private func grid(
    _ figures: [Figure], _ names: [String], _ columns: [UInt64], _ column: (Figure) -> UInt64,
    _ head: (UInt64) -> String
  ) -> String {
    var table = TextTable([""] + columns.map(head))
    for name in names {
      table.add(
        [name]
          + columns.map { wanted in
            figures.first { $0.name == name && column($0) == wanted }.map(cell) ?? "-"
          })
    }
    return table.text
  }

  private func cell(_ figure: Figure) -> String { spread(figure.series, figure.unit) }
}

/// "1.2 / 1.4 / 2.0 ms"; one value where all are the same.
func spread(_ series: Series, _ unit: Unit) -> String {
  guard series.min < series.max else { return text(series.median, unit) }
  let words = [series.min, series.median, series.max].map { text($0, unit) }
  let suffixes = words.map { $0.drop { $0 != " " } }
  guard suffixes[0] == suffixes[1], suffixes[1] == suffixes[2] else {
    return words.joined(separator: " / ")
  }
  return words.map { String($0.prefix { $0 != " " }) }.joined(separator: " / ") + suffixes[0]
}
