internal import ArgumentParser
internal import CheckpointKit

/// What `restart` runs to have an image opened and unpacked.
struct Feed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write an image to standard output, opened and unpacked.", shouldDisplay: false)

  @OptionGroup var streaming: StreamOptions

  @Argument(help: "Where it comes from.")
  var place: StreamPlace

  func validate() throws { try streaming.check(from: place) }

  func run() throws {
    guard !isTerminal(1) else {
      throw CommandFailure(
        "cannot write an image to a terminal", status: .usage, hints: ["lead it into a pipe"])
    }
    do throws(StreamFailure) {
      try feed(try streaming.request(place)) { StreamOptions.announce(place) }
    } catch {
      // Whoever read it has ended, and said why.
      if case .write = error { throw ExitCode(0) }
      throw error.failure("cannot restart from \(place.text)")
    }
  }
}
