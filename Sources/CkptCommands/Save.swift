internal import ArgumentParser
internal import CheckpointImage

struct Save: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Save a running program.")
  @Argument(help: "The image.") var image: String
  func run() throws { throw ImageError(.notElf, at: 0, 0) }
}
