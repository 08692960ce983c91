internal import ArgumentParser

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Check every byte of an image.")
  @Argument(help: "The image.") var image: String
  func run() throws { throw CommandFailure("cannot read \(image) yet") }
}
