internal import ArgumentParser
internal import CheckpointImage

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Check every byte of an image.")
  @Argument(help: "The image.") var image: String
  func run() throws { throw ImageError(.notElf, at: 0, 0) }
}
