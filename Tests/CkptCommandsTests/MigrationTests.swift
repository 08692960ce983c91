import CheckpointKit
import Testing

@testable import CkptCommands

@Suite struct MigrationQuestionsTests {
  private static let candidates = [
    Candidate(pid: 7, age: 60_000_000_000, memory: 1 << 20, commandLine: "redis-server"),
    Candidate(pid: 9, age: 0, memory: 4096, commandLine: "python3 a\u{1B}[31m.py"),
  ]

  private func ask(_ answers: String..., known: String? = nil) -> (pid: Int32, machine: String)? {
    var left = answers[...]
    return MigrationQuestions { left.popFirst() }.ask(among: Self.candidates, machine: known)
  }

  @Test func everyQuestionHasADefault() throws {
    let asked = try #require(ask("", "", "", known: "there"))
    #expect(asked == (7, "there"))
  }

  @Test func wrongAnswersAreAskedAgain() throws {
    let asked = try #require(ask("8", "x", "9", "", "-x", "me@there", "y"))
    #expect(asked == (9, "me@there"))
  }

  @Test func noIsNo() {
    #expect(ask("7", "there", "n") == nil)
    #expect(ask("7") == nil)
  }

  @Test func terminalsAreNotTold() {
    let list = MigrationQuestions.list(Self.candidates)
    #expect(!list.contains("\u{1B}"))
    #expect(list.contains("redis-server"))
  }

  @Test func machinesOfSSH() {
    let text = "# x\nHost *\n  User me\nHost *.a b c\nHost d\n"
    #expect(MigrationQuestions.firstMachine(inConfiguration: text) == "b")
    #expect(MigrationQuestions.firstMachine(inConfiguration: "") == nil)
  }
}

@Suite struct MigrationSentenceTests {
  @Test(arguments: MigrationPhase.allCases)
  func everyPhaseIsNamed(phase: MigrationPhase) {
    let failure = MigrationFailure.ended(phase, status: 255).failure(moving: "7", to: "there")
    #expect(failure.sentence.contains("the connection ended"))
    #expect(failure.hints.last == "it goes on here as before")
    #expect(failure.status == .failed)
  }

  @Test func whatTheOtherSideLacks() {
    let failure = MigrationFailure.ended(.sending, status: 69).failure(moving: "7", to: "there")
    #expect(failure.status == .missingFeature)
  }

  @Test func undecided() {
    let failure = MigrationFailure.undecided.failure(moving: "7", to: "there")
    #expect(failure.status.rawValue == 75)
    #expect(failure.hints.contains { $0.contains("kill -CONT 7") })
  }
}
