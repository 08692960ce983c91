import CImage
import Kernel
import Testing

@testable import Restart

private let apart = SignalAnswer.Parties(own: 10, child: 20, sharesGroup: false)
private let together = SignalAnswer.Parties(own: 10, child: 20, sharesGroup: true)

@Suite struct SignalAnswerTests {
  @Test(arguments: [1, 2, 3, 10, 12, 14, 15, 28, 40] as [Int32])
  func whatSomeoneSendsIsForwarded(signal: Int32) {
    #expect(SignalAnswer(to: signal, code: 0, sender: 5, apart) == .forward)
    #expect(SignalAnswer(to: signal, code: -6, sender: 5, together) == .forward)
    #expect(SignalAnswer(to: signal, code: -1, sender: 5, together) == .queue)
  }

  @Test func theTerminalHasReachedTheProgramAlready() {
    #expect(SignalAnswer(to: 2, code: 0x80, sender: 0, together) == .nothing)
    #expect(SignalAnswer(to: 2, code: 0x80, sender: 0, apart) == .forwardToGroup)
    #expect(SignalAnswer(to: 1, code: 0x80, sender: 0, apart) == .forwardToGroup)
  }

  @Test func nothingGoesRoundInCircles() {
    #expect(SignalAnswer(to: 15, code: 0, sender: 20, together) == .nothing)
    #expect(SignalAnswer(to: 20, code: 0, sender: 10, together) == .nothing)
  }

  @Test func readingInTheBackgroundIsNotOurs() {
    #expect(SignalAnswer(to: 21, code: 0x80, sender: 0, apart) == .nothing)
    #expect(SignalAnswer(to: 21, code: 0, sender: 5, apart) == .forward)
  }

  @Test func childrenAndContinuing() {
    #expect(SignalAnswer(to: 17, code: 1, sender: 20, apart) == .look)
    #expect(SignalAnswer(to: 18, code: 0, sender: 5, apart) == .resume)
  }
}

@Suite struct JobPlanTests {
  private func plan(
    session: Bool = false, group: Bool = true, terminal: Bool = true, detaches: Bool = false,
    pipeline: Bool = false
  ) -> JobPlan {
    JobPlan(
      .init(
        ledSession: session, ledGroup: group, hadTerminal: terminal, detaches: detaches,
        isInPipeline: pipeline))
  }

  @Test func aJobOfAShellLeadsItsGroup() { #expect(plan() == .ownGroup) }
  @Test func aMemberStaysOne() { #expect(plan(group: false) == .shareGroup) }
  @Test func aPipelineStaysTogether() { #expect(plan(pipeline: true) == .shareGroup) }
  @Test func aDaemonHasItsSession() {
    #expect(plan(session: true, terminal: false) == .ownSession)
  }
  @Test func theTerminalOfASessionCanNotComeBack() { #expect(plan(session: true) == .ownGroup) }
  @Test func detachedIsOnItsOwn() {
    #expect(plan(group: false, detaches: true, pipeline: true) == .ownSession)
  }
}

@Suite struct OutcomeTests {
  @Test func fourZeroBytesMeanThatItRuns() {
    #expect(Outcome(ckpt_failure(), byteCount: 4) == .runs)
    #expect(Outcome(ckpt_failure(), byteCount: 0) == .silent)
    #expect(Outcome(ckpt_failure(), byteCount: 3) == .silent)
    let failure = ckpt_failure(step: 9, error: 17, subject: 4711, detail: 0)
    #expect(Outcome(failure, byteCount: 24) == .failed(step: 9, errno: 17, subject: 4711))
    #expect(Outcome(failure, byteCount: 4) == .silent)
    #expect(Outcome.runs.failure == nil)
    #expect(Outcome(failure, byteCount: 24).failure?.number == 9)
    let thread = Outcome.failed(step: 2, errno: 17, subject: 4711)
    #expect(thread.failure?.number == 4711)
    #expect(thread.failure?.hint.utf8CodeUnitCount ?? 0 > 0)
  }

  @Test func endsAreTold() {
    #expect(ChildEvent(code: 1, status: 7) == .exited(status: 7))
    #expect(ChildEvent(code: 3, status: 6) == .killed(signal: 6))
    #expect(ChildEvent(code: 5, status: 20) == .stopped(signal: 20))
    #expect(ChildEvent(code: 99, status: 0) == nil)
  }
}
