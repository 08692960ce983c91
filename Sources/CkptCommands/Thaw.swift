internal import ArgumentParser
internal import CheckpointKit
internal import KernelABI

struct Thaw: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let a frozen program go on.",
    discussion: """
      After `ckpt save --freeze`, or any SIGSTOP: sends SIGCONT, and waits until the program runs.
      """)

  @Argument(help: ArgumentHelp("The program, by process ID or name.", valueName: "pid|name"))
  var program: String

  func run() throws {
    do throws(TargetFailure) {
      try TargetFacts.read(named: program).thaw()
    } catch {
      throw error.failure(saving: program, to: "thaw")
    }
  }
}
