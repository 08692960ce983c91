import CAPI
import Testing

@testable import Agent

@Suite struct CallPolicyTests {
  private func policy(_ change: (inout CallOptions) -> Void) -> CallPolicy {
    var options = CallOptions()
    change(&options)
    return CallPolicy(options: options)
  }

  private func moment(
    restarts: UInt32 = 0, now: UInt64 = 1_000, random: UInt64 = 0
  ) -> CallPolicy.Moment {
    CallPolicy.Moment(restarts: restarts, now: now, random: random)
  }

  @Test func theStructIsTheHeaders() {
    let byteCount = unsafe MemoryLayout<ckpt_options>.size
    #expect(MemoryLayout<CallOptions>.size == byteCount)
    #expect(MemoryLayout<CallOptions>.size == 72)
    #expect(MemoryLayout<CallOptions>.offset(of: \.calls) == 48)
    let offsets = unsafe [
      MemoryLayout<ckpt_options>.offset(of: \.probability),
      MemoryLayout<ckpt_options>.offset(of: \.calls),
      MemoryLayout<ckpt_options>.offset(of: \.saves), MemoryLayout<ckpt_options>.offset(of: \.last),
    ]
    #expect(offsets == [24, 48, 56, 64])
  }

  @Test func everyCallWithoutAPolicy() {
    #expect(policy { _ in }.isDue(call: 1, moment()))
  }

  @Test func everyNth() {
    let policy = policy { $0.every = 3 }
    #expect((1...7).filter { policy.isDue(call: $0, moment()) } == [3, 6])
  }

  @Test func atMostEverySoOften() {
    let policy = policy {
      $0.interval = 100
      $0.last = 1_000
    }
    #expect(!policy.isDue(call: 1, moment(now: 1_099)))
    #expect(policy.isDue(call: 1, moment(now: 1_100)))
    #expect(policy.isDue(call: 1, moment(now: 10)), "the clock went back")
  }

  @Test func onceAndNotInCopies() {
    #expect(
      !policy {
        $0.flags = CKPT_ONCE
        $0.saves = 1
      }.isDue(call: 1, moment()))
    let original = policy { $0.flags = CKPT_NOT_IN_COPIES }
    #expect(original.isDue(call: 1, moment()))
    #expect(!original.isDue(call: 1, moment(restarts: 1)))
  }

  @Test func byChance() {
    let policy = policy { $0.probability = 0.25 }
    #expect(policy.isDue(call: 1, moment(random: 0)))
    #expect(policy.isDue(call: 1, moment(random: UInt64.max / 4 - (1 << 12))))
    #expect(!policy.isDue(call: 1, moment(random: UInt64.max / 4 + (1 << 12))))
    #expect(!policy.isDue(call: 1, moment(random: .max)))
  }

  @Test func complaints() {
    #expect(policy { _ in }.complaint == nil)
    #expect(policy { $0.flags = 1 << 31 }.complaint != nil)
    #expect(policy { $0.probability = .nan }.complaint != nil)
    #expect(policy { $0.flags = CKPT_EXIT | CKPT_ASYNC }.complaint != nil)
    #expect(policy { $0.exitStatus = 256 }.complaint != nil)
    #expect(
      policy {
        $0.flags = CKPT_EXECUTABLE
        $0.keep = 1
      }.complaint != nil)
  }
}
