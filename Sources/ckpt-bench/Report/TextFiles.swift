internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// Writes a file whole.
func write(_ text: String, to path: String) throws(BenchFailure) {
  do throws(Errno) {
    let file = try HostFiles.open(path, .writeOnly | .create | .truncate, mode: 0o644)
    writeText(text, to: file.number)
  } catch {
    throw BenchFailure("cannot write \(path) (errno \(error.rawValue))")
  }
}

/// All figures, for programs: a line each, columns separated by tabs.
func tabSeparated(_ book: Book) -> String {
  let head = "part\tname\tbytes\tamount\tunit\tlowest\tmedian\thighest\ttimes\n"
  return head
    + book.figures.map { figure in
      let series = figure.series
      let values = [series.min, series.median, series.max].map { "\($0)" }
      return
        ([
          figure.section.rawValue, figure.name, "\(figure.size)", "\(figure.amount)",
          figure.unit.rawValue,
        ] + values + ["\(series.count)"]).joined(separator: "\t") + "\n"
    }.joined()
}
