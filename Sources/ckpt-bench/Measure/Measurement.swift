/// What every part of a run needs.
struct Measurement {
  let options: BenchOptions
  let programs: Programs
  let scratch: Scratch
  let book: Book

  var saver: Saver { Saver(programs: programs, scratch: scratch) }

  /// Starts a victim, runs `body` with it, and ends it whatever happens.
  func withVictim<R>(
    size: UInt64, threads: Int = 0, withAgent: Bool = true,
    _ body: (VictimProcess) throws(BenchFailure) -> R
  ) throws(BenchFailure) -> R {
    let victim = try VictimProcess(
      size: size, threads: threads, withAgent: withAgent, file: scratch.path("image"), programs)
    defer { victim.end() }
    return try body(victim)
  }

  /// Whether a victim of that size fits; says why not.
  func fits(_ size: UInt64, files: UInt64, _ section: Section) -> Bool {
    guard let objection = scratch.place.objection(to: size, files: files) else { return true }
    book.note("\(section.rawValue), \(byteCountText(size)): skipped, \(objection)")
    return false
  }

  /// A line on what is being done, for who watches.
  func tell(_ text: String) { writeProgress(text) }
}
