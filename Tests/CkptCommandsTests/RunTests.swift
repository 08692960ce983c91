import ArgumentParser
import CheckpointKit
import Testing

@testable import CkptCommands

@Suite struct RunTests {
  @Test func everythingBehindTheProgramIsTheProgramsOwn() throws {
    let run = try Run.parse(["--file", "x-%p", "--", "prog", "--verbose", "-x"])
    #expect(run.command == ["prog", "--verbose", "-x"])
    #expect(run.settings == [.init("CKPT_FILE", "x-%p")])
  }
}
