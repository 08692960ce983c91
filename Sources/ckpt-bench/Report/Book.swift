/// What a figure says, and how it is printed.
enum Unit: String {
  case nanoseconds = "ns"
  case bytes = "bytes"
  case bytesPerSecond = "bytes/s"
  case ratio = "ratio"
}

/// The parts of a run, in their order.
enum Section: String, CaseIterable {
  case start, rest, idle, save, changes, restart, stream, track, threads

  /// What `x` of its figures is.
  var axis: String {
    switch self {
    case .save, .restart, .stream, .track: "memory"
    case .changes: "dirty"
    case .threads: "threads"
    case .start, .rest, .idle: ""
    }
  }
}

/// One thing that was measured again and again.
struct Figure {
  let section: Section
  let name: String

  /// Bytes of memory.
  let size: UInt64

  /// Number of threads, or pages that were dirty in parts of a million; else 0.
  let amount: UInt64
  let unit: Unit
  fileprivate(set) var series = Series()
}

/// All that was measured, in the order in which it was first seen.
final class Book {
  private(set) var figures: [Figure] = []

  /// Sentences on what was left out, and why.
  private(set) var notes: [String] = []

  /// Sentences on what should have been measured and could not be.
  private(set) var failures: [String] = []

  func add(
    _ value: Double, _ name: String, _ section: Section, size: UInt64 = 0, amount: UInt64 = 0,
    _ unit: Unit = .nanoseconds
  ) {
    let index = figures.firstIndex {
      $0.section == section && $0.name == name && $0.size == size && $0.amount == amount
    }
    if let index {
      figures[index].series.add(value)
      return
    }
    var figure = Figure(section: section, name: name, size: size, amount: amount, unit: unit)
    figure.series.add(value)
    figures.append(figure)
  }

  func add(
    _ nanoseconds: UInt64, _ name: String, _ section: Section, size: UInt64 = 0, amount: UInt64 = 0
  ) {
    add(Double(nanoseconds), name, section, size: size, amount: amount, .nanoseconds)
  }

  func fail(_ sentence: String) { failures.append(sentence) }

  func note(_ sentence: String) {
    if !notes.contains(sentence) { notes.append(sentence) }
  }

  /// Empty when nothing of that name was measured.
  func series(
    _ name: String, _ section: Section, size: UInt64? = nil, amount: UInt64? = nil
  ) -> Series {
    figures.first {
      $0.section == section && $0.name == name && (size == nil || $0.size == size)
        && (amount == nil || $0.amount == amount)
    }?.series ?? Series()
  }

  /// The sizes for which something was measured, smallest first.
  func sizes(_ section: Section) -> [UInt64] {
    Set(figures.filter { $0.section == section }.map(\.size)).sorted()
  }

  /// The names of a section, in the order in which they were first seen.
  func names(_ section: Section) -> [String] {
    var names: [String] = []
    for figure in figures where figure.section == section && !names.contains(figure.name) {
      names.append(figure.name)
    }
    return names
  }
}
