/// The goals that the project has set itself, with what this run says of them.
struct Goals {
  let book: Book
  private let gibibyte: UInt64 = 1 << 30

  var table: TextTable {
    var table = TextTable(["goal", "limit", "lowest", "median", "highest", ""])
    for goal in all { table.add(goal.row) }
    return table
  }

  private var all: [Goal] {
    pauses + durations + changes + restarts + streams + idle
  }

  /// The sizes that were measured, of those that a goal is about.
  private func measured(_ section: Section, _ wanted: [UInt64]) -> [UInt64] {
    let sizes = book.sizes(section)
    let found = wanted.filter(sizes.contains)
    return found.isEmpty ? Array(wanted.prefix(1)) : found
  }

  private var pauses: [Goal] {
    measured(.save, [gibibyte, gibibyte * 4]).flatMap { size in
      let name = byteCountText(size)
      return [
        Goal(
          "pause, copy-on-write, \(name), of a fork", atMost: 1.3, .ratio,
          book.series("pause seen / fork, copy-on-write", .save, size: size), "<= 1.3"),
        Goal(
          "pause, precopy, 1 % dirty, \(name), of a fork", atMost: 0.2, .ratio,
          book.series("pause seen / fork, \(SaveMode.precopy.name)", .save, size: size), "<= 0.2"),
      ]
    } + [
      Goal(
        "pause, 1,000 threads", atMost: 20e6, .nanoseconds,
        book.series("pause seen", .threads, amount: 1000), "<= 20 ms")
    ]
  }

  private var durations: [Goal] {
    measured(.save, [gibibyte, gibibyte * 4]).map { size in
      Goal(
        "until safe, \(byteCountText(size)), of the best plain write", atMost: 1.1, .ratio,
        book.series("until safe / best write, copy-on-write", .save, size: size), "<= 1.1")
    }
  }

  private var changes: [Goal] {
    let size = measured(.changes, [gibibyte * 4, gibibyte]).first
    let name = byteCountText(size ?? 0)
    return [
      Goal(
        "incremental, 1 % of \(name) dirty, of a full one", atMost: 1 / 30, .ratio,
        book.series("until safe / full", .changes, size: size, amount: 10_000), "<= 0.0333"),
      Goal(
        "finding the written pages, 1 % of \(name), per GiB", atMost: 1e6, .nanoseconds,
        book.series("finding the pages, per GiB", .changes, size: size, amount: 10_000),
        "<= 1 ms"),
    ]
  }

  private var restarts: [Goal] {
    let size = measured(.restart, [gibibyte]).first
    let name = byteCountText(size ?? 0)
    let lazySizes = book.sizes(.restart)
    let largest = lazySizes.last
    return [
      Goal(
        "restart, all of \(name) read, of the read loop", atMost: 0.35, .ratio,
        book.series("eager, all read / read loop", .restart, size: size), "<= 0.35")
    ]
      + lazySizes.map {
        Goal(
          "lazy restart, \(byteCountText($0)), to the first instruction", atMost: 5e6,
          .nanoseconds, book.series("lazy, first instruction", .restart, size: $0), "<= 5 ms")
      } + [
        Goal(
          "lazy restart, \(byteCountText(largest ?? 0)), speed of the fill, of eager",
          atLeast: 0.5, .ratio,
          book.series("lazy, speed of the fill / eager", .restart, size: largest), ">= 0.5")
      ]
  }

  private var streams: [Goal] {
    let size = book.sizes(.stream).last
    let name = byteCountText(size ?? gibibyte)
    return [
      Goal(
        "lz4 stream of \(name), speed, of its slowest step alone", atLeast: 0.8, .ratio,
        book.series("speed of the lz4 stream / of its slowest step alone", .stream, size: size),
        ">= 0.8"),
      Goal(
        "AES-GCM stream of \(name), speed, of the cipher alone", atLeast: 0.8, .ratio,
        book.series("speed of the encrypted stream / of the cipher alone", .stream, size: size),
        ">= 0.8"),
    ]
  }

  /// No measurable cost: the middle is not above what two programs without the agent differ by
  /// (their upper quartile), or by 2 %.
  private var idle: [Goal] {
    [
      Goal(
        "start-up cost", atMost: 0.3e6, .nanoseconds, book.series("start-up cost", .start),
        "<= 0.3 ms")
    ]
      + Chores.all.map { _, name, _ in
        let control = book.series("\(name), without / without", .idle)
        let limit = max(1.02, control.isEmpty ? 0 : control.quantile(0.75))
        return Goal(
          "idle agent: \(name), with / without", atMost: limit, .ratio,
          book.series("\(name), with / without", .idle), "<= \(decimal(limit, 3)) (noise)")
      }
  }
}
