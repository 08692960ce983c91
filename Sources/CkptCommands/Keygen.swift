internal import ArgumentParser
internal import CheckpointKit

struct Keygen: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a key for encrypted images.",
    discussion: """
      Whoever has it can read images that were encrypted with it, and send programs to those who \
      take images under it. The file can be read by its owner only, and has to stay so.
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"))
  var output: String

  func run() throws {
    do throws(StreamFailure) { try SealKey.make(output) } catch {
      throw error.failure("cannot make a key")
    }
  }
}
