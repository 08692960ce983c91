import KernelABI
import Procfs
import TestSupport
import Testing

@testable import Restart

private let administrator = IdentityPlan.Powers(effective: 1 << 21)
private let restorer = IdentityPlan.Powers(effective: 1 << 40)
private let nobody = IdentityPlan.Powers(effective: 0)

@Suite struct IdentityPlanTests {
  @Test func whoMayChoosesHere() {
    #expect(IdentityPlan(.same, powers: administrator) == .here(yields: false))
    #expect(IdentityPlan(.same, powers: restorer) == .here(yields: false))
  }

  @Test func anyoneElseMakesNamespaces() {
    #expect(IdentityPlan(.same, powers: nobody) == .namespace(withUser: true))
  }

  @Test func aNamespaceOnRequestNeedsNoUsersForAnAdministrator() {
    #expect(IdentityPlan(.private, powers: administrator) == .namespace(withUser: false))
    #expect(IdentityPlan(.private, powers: restorer) == .namespace(withUser: true))
  }

  @Test(arguments: [UInt64(0), 1 << 21, 1 << 40])
  func freshIsFresh(effective: UInt64) {
    #expect(IdentityPlan(.fresh, powers: .init(effective: effective)) == .fresh)
  }
}

@Suite struct TimeOffsetTests {
  @Test func continuesFromTheSavedValue() {
    let offset = TimeOffset(saved: 1_500_000_000, now: 10_000_000_000, current: 0)
    #expect(offset.nanoseconds == -8_500_000_000)
    #expect(offset.seconds == -9 && offset.remainder == 500_000_000)
  }

  @Test func wholeSecondsStayWhole() {
    let offset = TimeOffset(saved: 0, now: 3_000_000_000, current: 0)
    #expect(offset.seconds == -3 && offset.remainder == 0)
  }

  @Test func offsetsOfNestedNamespacesDoNotAddUp() {
    // The machine's clock is at 10 s; this process sees 110 s; the program was at 7 s.
    let offset = TimeOffset(
      saved: 7_000_000_000, now: 110_000_000_000, current: 100_000_000_000)
    #expect(offset.nanoseconds == -3_000_000_000)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func partsAddUp(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let offset = TimeOffset(saved: random.next() >> 4, now: random.next() >> 4, current: 0)
    #expect((0..<1_000_000_000).contains(offset.remainder))
    #expect(offset.seconds * 1_000_000_000 + offset.remainder == offset.nanoseconds)
  }
}

@Suite struct NamespaceLimitsTests {
  @Test func eachLimitIsNamed() {
    var limits = NamespaceLimits()
    let container = limits.reason(.notPermitted)
    #expect(container.description.contains("container"))
    #expect(limits.reason(.noSpace).description.contains("32"))
    #expect(limits.reason(.invalid).description.contains("kernel"))
    limits.appArmorRestricts = 1
    #expect(limits.reason(.notPermitted).description.contains("AppArmor"))
    #expect(!limits.reason(.noSpace).description.contains("AppArmor"))
    limits.most = 0
    #expect(limits.reason(.noSpace).description.contains("max_user_namespaces"))
    limits.cloneAllowed = 0
    #expect(limits.reason(.notPermitted).description.contains("unprivileged_userns_clone"))
  }

  @Test func theHintIsToGoOnWithout() {
    let failure = NamespaceLimits().refusal(.notPermitted, pid: 4711)
    #expect(failure.status == .permission && failure.number == 4711)
    #expect(failure.hint.description.contains("--fresh-pids"))
    #expect(NamespaceLimits().refusal(.invalid, pid: 1).status == .missingKernelFeature)
  }
}

@Suite struct IDHolderTests {
  private func holder(
    _ state: Character, flags: UInt64 = 0, threads: UInt64 = 1, pending: UInt64 = 0
  )
    -> IDHolder?
  {
    let text =
      "4711 (a) b) \(state) 1 1 1 0 -1 \(flags) 0 0 0 0 0 0 0 0 20 0 \(threads) 0 "
      + String(repeating: "0 ", count: 9) + "\(pending) " + String(repeating: "0 ", count: 21)
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in
      unsafe ProcessStat(buffer.bytes).map { IDHolder($0) }
    }
  }

  @Test func theLivingKeepTheirs() {
    #expect(holder("S") == .someone)
    #expect(holder("T", threads: 5) == .someone)
  }

  @Test func theDyingAreWaitedFor() {
    #expect(holder("R", flags: 0x404004) == .dying)
    #expect(holder("S", pending: 0x100) == .dying)
    #expect(holder("Z", flags: 0x4, threads: 3) == .dying)
    #expect(holder("Z", flags: 0x4) == .zombie)
  }

  @Test func looksAtRealProcesses() {
    #expect(IDHolder(of: 1) == .someone)
    #expect(IDHolder(of: 1 << 22 + 1) == .nobody)
  }
}
