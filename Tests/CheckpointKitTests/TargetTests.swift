import CheckpointKit
import Testing

/// A thread that waits, with signals that it blocks.
private func thread(_ tid: Int32, state: Character = "S", blocking signals: Int...) -> TargetThread
{
  var status = ProcessStatus()
  status.state = state
  status.blocked = signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
  return TargetThread(tid: tid, status: status)
}

private func facts(
  hasAgent: Bool = true, catching signals: [Int] = [12, 64], _ threads: TargetThread...
) -> TargetFacts {
  var status = ProcessStatus()
  status.name = "prog"
  status.caught = signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
  return TargetFacts(pid: 40, status: status, hasAgent: hasAgent, trigger: 12, threads: threads)
}

@Suite struct TargetTests {
  @Test func theAgentsOwnSignalGoesToAThreadWhoseNumberNoOtherTakesOver() throws {
    #expect(try facts(thread(40)).delivery() == Delivery(signal: 64, tid: 40))
    #expect(try facts(thread(40), thread(41)).delivery() == Delivery(signal: 64, tid: 41))
  }

  @Test func aThreadThatBlocksAllWillDoWhenItIsTraced() throws {
    let target = facts(thread(40, blocking: 12, 64))
    #expect(try target.delivery(opensMasks: true) == Delivery(signal: 64, tid: 40))
  }

  @Test func anotherThreadIsAskedWhenTheMainThreadCannotBe() throws {
    #expect(try facts(thread(40, blocking: 64), thread(41)).delivery().tid == 41)
    #expect(try facts(thread(40, state: "Z"), thread(41)).delivery().tid == 41)
    #expect(try facts(thread(40, state: "D"), thread(41)).delivery().tid == 41)
    #expect(try facts(thread(40, state: "D")).delivery().tid == 40)
  }

  @Test func theOtherSignalIsUsedWhereOneIsBlockedOrNotCaught() throws {
    #expect(try facts(thread(40, blocking: 64)).delivery() == Delivery(signal: 12, tid: 40))
    #expect(try facts(catching: [12], thread(40)).delivery() == Delivery(signal: 12, tid: 40))
  }

  @Test func whatCannotBeSavedIsNeverSignalled() {
    #expect(throws: TargetFailure.noAgent(40, name: "prog")) {
      try facts(hasAgent: false, thread(40)).delivery()
    }
    #expect(throws: TargetFailure.triggerNotCaught(40, signal: 12)) {
      try facts(catching: [2], thread(40)).delivery()
    }
    #expect(throws: TargetFailure.triggerBlocked(40, signal: 12)) {
      try facts(thread(40, blocking: 12, 64), thread(41, blocking: 12, 64)).delivery()
    }
    #expect(throws: TargetFailure.zombie(40)) { try facts(thread(40, state: "Z")).delivery() }
    #expect(throws: TargetFailure.stopped(40)) { try facts(thread(40, state: "T")).delivery() }
    #expect(throws: TargetFailure.traced(40)) { try facts(thread(40, state: "t")).delivery() }
  }

  @Test func theReaderOfALazyRestartIsNoDebugger() throws {
    var held = thread(40, state: "t")
    held.isBeingFilled = true
    #expect(try facts(held).delivery().tid == 40)
  }

  @Test func processesThatAreNotThereAreNamed() {
    #expect(throws: TargetFailure.noSuchProcess(0)) { try TargetFacts.read(0) }
    #expect(throws: TargetFailure.noSuchName("no-such-name")) {
      try TargetFacts.find(named: "no-such-name")
    }
  }
}
