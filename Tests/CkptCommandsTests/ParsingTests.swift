import ArgumentParser
import CheckpointKit
import Testing

@testable import CkptCommands

@Suite struct ParsingTests {
  @Test func everythingBehindTheProgramIsTheProgramsOwn() throws {
    let run = try Run.parse(["--file", "x-%p", "--", "prog", "--verbose", "-x", "--"])
    #expect(run.command == ["prog", "--verbose", "-x", "--"])
    #expect(run.settings == [.init("CKPT_FILE", "x-%p")])
    #expect(try Run.parse(["prog", "--file", "x"]).command == ["prog", "--file", "x"])
  }

  @Test func signalsReachTheAgentAsNumbers() throws {
    let run = try Run.parse(["--signal", "SIGRTMIN+1", "-v", "prog"])
    #expect(run.settings == [.init("CKPT_SIGNAL", "35"), .init("CKPT_VERBOSE", "1")])
  }

  @Test(arguments: [
    ["run"], ["run", "--"], ["run", "--signal", "KILL", "x"], ["save"], ["save", "1", "2"],
    ["save", "1", "--timeout", "0"], ["save", "1", "-o", ""], ["inspect"], ["verify"], ["restart"],
    ["nonsense"], ["save", "--nonsense", "1"],
  ])
  func wrongUsageExitsWith64(words: [String]) throws {
    do {
      _ = try Ckpt.parseAsRoot(words)
      Issue.record("accepted \(words)")
    } catch {
      #expect(Ckpt.exitCode(for: error).rawValue == Status.usage.rawValue)
    }
  }

  @Test func restartGetsItsOptions() throws {
    let words = ["--fresh-pids", "--detach", "--pidfile", "p", "-v", "image"]
    #expect(
      try Restart.parse(words).options == [
        "--fresh-pids", "--detach", "--pidfile", "p", "--verbose", "image",
      ])
    #expect(try Restart.parse(["--", "-x"]).options == ["./-x"])
  }
}
