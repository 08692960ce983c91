internal import ArgumentParser
internal import CheckpointImage
internal import CheckpointKit

struct Receive: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Store an image that comes through a stream, without starting it.",
    discussion: """
      Opened with the key and unpacked, it is checked to its last byte; only then does the file \
      get its name. Without --from it reads standard input.
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("The image to write.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Where it comes from: unix:PATH, tcp://[ADDRESS]:PORT, udp://[ADDRESS]:PORT, - or a file.",
      valueName: "place"))
  var from = StreamPlace.standard

  @OptionGroup var streaming: StreamOptions

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    try streaming.check(from: from)
    guard !output.isEmpty else { throw ValidationError("--output takes the name of a file") }
  }

  func run() throws {
    let byteCount: UInt64
    do throws(ReceiveFailure) {
      byteCount = try receive(try request(), as: output, isReady: announce) { _ in }
    } catch {
      throw failure(error)
    }
    if !quiet { writeOutput("\(output): \(byteCountText(byteCount)) received\n") }
  }

  private func announce() { if !quiet { StreamOptions.announce(from) } }

  private func request() throws(ReceiveFailure) -> StreamRequest {
    do throws(StreamFailure) { return try streaming.request(from) } catch { throw .stream(error) }
  }

  private func failure(_ failure: ReceiveFailure) -> CommandFailure {
    switch failure {
    case .stream(let failure): failure.failure("cannot receive \(output)")
    case .image(let failure): failure.failure(reading: "what came from \(from.text)")
    case .damaged(let report):
      CommandFailure(
        "cannot receive \(output): what came is damaged: "
          + "\(report.damagedPieceCount) of \(report.pieceCount) pages",
        status: .damagedImage, hints: ["send it again"])
    }
  }
}
