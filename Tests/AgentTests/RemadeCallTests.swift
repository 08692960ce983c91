import Kernel
import Testing

@testable import Agent

@Suite struct RemadeCallTests {
  static let start = ThreadTimes(moment: 1_000_000_000, processor: 7000, waits: 5, preemptions: 2)

  func waited(
    _ elapsed: UInt64, ran: UInt64 = 50_000, waits: UInt64 = 1, preemptions: UInt64 = 0
  ) -> UInt64 {
    let start = Self.start
    return RemadeCall.waited(
      from: start,
      to: ThreadTimes(
        moment: start.moment + elapsed, processor: start.processor + ran,
        waits: start.waits + waits, preemptions: start.preemptions + preemptions))
  }

  @Test func whatItDidNotRunItWaitedButForAMargin() {
    #expect(waited(600_000_000_000) == 600_000_000_000 - 50_000 - 5_000_000)
    #expect(waited(8_050_000) == 7_000_000)
    #expect(waited(50_001) == 1)
  }

  @Test func nothingIsKnownOfAThreadThatWaitedTwiceOrLostItsProcessor() {
    #expect(waited(1_000_000_000, waits: 2) == 0)
    #expect(waited(1_000_000_000, preemptions: 1) == 0)
    #expect(waited(40_000) == 0)
    #expect(RemadeCall.waited(from: .none, to: Self.start) == 0)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func itIsNeverMoreThanTheTruth(seed: UInt64) {
    // Before the call it ran for a while, in the call it waited, then it ran to the handler.
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    let before = random(1_000_000)
    let truth = random(10_000_000_000)
    let after = random(1_000_000)
    let result = waited(before + truth + after, ran: before + after)
    #expect(result <= truth)
    #expect(result >= truth - truth / 8)
  }

  @Test func intervalsDifferByATwentieth() {
    let interval: UInt64 = 600_000_000_000
    let all = (0..<1000 as Range<UInt64>).map {
      Ticker.jittered(interval, by: $0 &* 0x9E37_79B9_7F4A_7C15)
    }
    #expect(all.allSatisfy { (interval / 20 * 19...interval / 20 * 21).contains($0) })
    #expect(Set(all).count > 900)
    #expect((0..<10).allSatisfy { Ticker.jittered(1, by: $0) >= 1 })
  }
}
