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

  @Test func howImagesAreMadeReachesTheAgent() throws {
    let run = try Run.parse([
      "--every", "10m", "--keep", "3", "--incremental", "--full-every", "8", "--precopy", "--thin",
      "--sync", "prog",
    ])
    #expect(
      run.settings == [
        .init("CKPT_INTERVAL", "10m"), .init("CKPT_KEEP", "3"), .init("CKPT_FULL_EVERY", "8"),
        .init("CKPT_SYNC", "1"), .init("CKPT_INCREMENTAL", "1"), .init("CKPT_PRECOPY", "1"),
        .init("CKPT_THIN", "1"),
      ])
    let manner = try Save.parse(["--precopy", "--incremental", "--full", "1"]).order
    #expect(manner.precopies && manner.isIncremental && manner.isFull)
    #expect(!manner.isThin && !manner.isInPlace)
  }

  @Test(arguments: ["1", "90", "500ms", "30s", "10m", "2h", "366d"])
  func timesAreTaken(text: String) {
    #expect(TimeInterval(argument: text)?.text == text)
  }

  @Test(arguments: [
    "", "0", "-1", "0s", "m", "1.5h", "10 m", "10min", "367d", "99999999999999999999", "٣",
  ])
  func whatIsNoTimeIsRefused(text: String) {
    #expect(TimeInterval(argument: text) == nil)
  }

  @Test(arguments: [
    ["run", "--every", "0", "x"], ["run", "--every", "soon", "x"], ["run", "--keep", "-1", "x"],
    ["run", "--full-every", "0", "x"], ["run", "--full-every", "4097", "x"],
    ["merge"], ["merge", "x"], ["merge", "x", "-o", ""], ["merge", "-o", "y"], ["run"],
    ["run", "--"], ["run", "--signal", "KILL", "x"], ["save"], ["save", "1", "2"],
    ["save", "1", "--timeout", "0"], ["save", "1", "-o", ""], ["save", "1", "--exe"],
    ["save", "1", "--exe", "-o", "x", "--thin"], ["exe", "x"], ["exe", "x", "-o", ""],
    ["exe", "x", "-o", "y", "--directory", "z"], ["restart", "--", "a", "b"], ["inspect"],
    ["verify"], ["restart"], ["restart", "--map", "/a", "i"], ["restart", "--map", "=/b", "i"],
    ["restart", "--map", "a=/b", "i"], ["migrate", "--map", "/a=b", "1", "x"],
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
    #expect(
      try Restart.parse(["i", "-v", "--", "-x", "y"]).options == [
        "--verbose", "i", "--", "-x", "y",
      ])
    #expect(try Restart.parse(["--", "-i", "--", "-x"]).options == ["./-i", "--", "-x"])
    let mapped = ["--map", "/a=/b", "--map", "/c d=/e=f", "--feed", "-"]
    #expect(try Restart.parse(["--map=/a=/b", "-", "--map", "/c d=/e=f"]).options == mapped)
    #expect(try Restart.parse(["--lazy", "i"]).options == ["--lazy", "i"])
    #expect(try Restart.parse(["--lazy-touched", "i"]).options == ["--lazy-touched", "i"])
  }
}
