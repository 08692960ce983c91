internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// A whole run: the parts one after another, then what they say.
struct Bench {
  let options: BenchOptions
  let book = Book()

  func run() throws(BenchFailure) {
    // A pipe of make's in the victim would keep it from being saved: close_range(2), to the end,
    // CLOSE_RANGE_CLOEXEC.
    _ = rawSystemCall(SyscallNumber.closeRange, 3, Int(UInt32.max), 4)
    let start = Clock.monotonic
    let head = machineText()
    writeText(head, to: 1)
    makeFolder(options.output)
    let scratch = Scratch(place: Place(folder: absolutePath(scratchFolder)))
    makeFolder(scratch.folder)
    defer {
      scratch.clear()
      removeFolder(scratch.folder)
    }
    try measure(scratch)
    try report(head, seconds: (Clock.monotonic - start) / 1_000_000_000)
  }

  /// A name of our own in the wanted folder: all in it is removed in the end.
  private var scratchFolder: String {
    "\(options.folder ?? options.output)/scratch.\(Kernel.Process.ownID)"
  }

  private func measure(_ scratch: Scratch) throws(BenchFailure) {
    let programs = try Programs(folder: options.programs, victim: options.victim, scratch)
    let base = Measurement(options: options, programs: programs, scratch: scratch, book: book)
    for section in Section.allCases where options.sections.contains(section) {
      // What the other parts measured is worth printing all the same.
      do throws(BenchFailure) { try measure(section, base) } catch {
        book.fail("\(section.rawValue): \(error.reason)")
      }
      writeProgress("")
      writeText(Tables(book: book).text(section), to: 1)
    }
  }

  private func measure(_ section: Section, _ base: Measurement) throws(BenchFailure) {
    switch section {
    case .start: try StartUp(base: base).run()
    case .rest: try Resting(base: base).run()
    case .idle: try Chores(base: base).run()
    case .save: try Saving(base).run()
    case .changes: try ChangedPages(base: base).run()
    case .restart: try Restarting(base: base).run()
    case .stream: try Streaming(base).run()
    case .track: try Tracking(base: base).run()
    case .threads: try Stopping(base: base).run()
    }
  }

  private func report(_ head: String, seconds: UInt64) throws(BenchFailure) {
    let folder = options.output
    let charts = Charts(book: book).all
    let tables = Section.allCases.map(Tables(book: book).text).joined()
    let notes = book.notes.map { "  * \($0)\n" }.joined()
    let text = """

      Goals

      \(Goals(book: book).table.text)\(notes.isEmpty ? "" : "\nNotes\n\n\(notes)")
      took \(seconds) s; load at the end \(loadText())

      """
    let bars = charts.map(Bars.text).joined()
    try write(head + tables + text + bars, to: "\(folder)/bench.txt")
    try write(tabSeparated(book), to: "\(folder)/bench.tsv")
    let sentence = try Plot(folder: folder).draw(charts)
    writeText(
      text + bars
        + "\n\(sentence)\nall of this: \(folder)/bench.txt; figures: \(folder)/bench.tsv\n",
      to: 1)
    guard book.failures.isEmpty else {
      throw BenchFailure(book.failures.joined(separator: "\nckpt-bench: "))
    }
  }
}
