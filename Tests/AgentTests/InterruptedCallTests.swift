import KernelABI
import Procfs
import Testing

@testable import Agent

@Suite struct InterruptedCallTests {
  typealias Stop = InterruptedCall.Stop

  /// In poll(2): EINTR behind the instruction.
  static let interrupted = Stop(
    programCounter: 0x1002, stackPointer: 0x7000, result: -4, isBehindCall: true, isAtCall: false)

  /// In read(2), which the kernel is about to make again.
  static let restarted = Stop(
    programCounter: 0x1000, stackPointer: 0x7000, result: 0, isBehindCall: false, isAtCall: true)

  func sample(_ number: Int, pc: UInt64 = 0x1002, sp: UInt64 = 0x7000) -> SystemCallLine? {
    line(
      "\(number) 0x1 0x2 0x3 0x4 0x5 0x6 0x\(String(sp, radix: 16)) 0x\(String(pc, radix: 16))\n")
  }

  func line(_ text: String) -> SystemCallLine? {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe SystemCallLine($0.bytes) }
  }

  func decide(
    _ stop: Stop, _ sample: SystemCallLine?, decoded: Int64? = nil, handled: Bool = false,
    withoutRestart: Bool = false
  ) -> InterruptedCall.Decision {
    InterruptedCall.decide(
      stop, sample: sample, handled: handled, handledWithoutRestart: withoutRestart
    ) { decoded }
  }

  @Test func aCallThatWasSeenIsMadeAgain() {
    #expect(decide(Self.interrupted, sample(7)) == .again(7))
    #expect(decide(Self.interrupted, sample(7), decoded: 23) == .again(7))
  }

  @Test func withoutASampleTheCodeDecides() {
    #expect(decide(Self.interrupted, nil, decoded: 230) == .again(230))
    #expect(decide(Self.interrupted, nil) == .leave)
    #expect(decide(Self.interrupted, line("running\n"), decoded: 230) == .again(230))
  }

  @Test func aSampleOfAnotherPlaceDoesNotCount() {
    #expect(decide(Self.interrupted, sample(7, pc: 0x2002)) == .leave)
    #expect(decide(Self.interrupted, sample(7, sp: 0x7008)) == .leave)
    #expect(decide(Self.interrupted, sample(7, pc: 0x2002), decoded: 35) == .again(35))
  }

  @Test func aCallThatWasStoppedBeforeIsFoundInTheCode() {
    #expect(decide(Self.interrupted, sample(219), decoded: 35) == .again(35))
    #expect(decide(Self.interrupted, sample(219)) == .leave)
  }

  @Test func otherCallsKeepTheirResult() {
    #expect(decide(Self.interrupted, sample(3)) == .leave)  // close
    #expect(decide(Self.interrupted, sample(39)) == .leave)
    var success = Self.interrupted
    success.result = 1
    #expect(decide(success, sample(7)) == .leave)
    var elsewhere = Self.interrupted
    elsewhere.isBehindCall = false
    #expect(decide(elsewhere, sample(7), decoded: 7) == .leave)
  }

  @Test func theProgramsOwnSignalEndsTheCall() {
    #expect(decide(Self.interrupted, sample(7), handled: true) == .leave)
    #expect(
      decide(Self.restarted, sample(0), handled: true, withoutRestart: true) == .interrupted)
    #expect(decide(Self.restarted, nil, handled: true, withoutRestart: true) == .interrupted)
  }

  @Test func aHandlerWithRestartLeavesTheKernelsRestart() {
    #expect(decide(Self.restarted, sample(0), handled: true) == .leave)
    #expect(decide(Self.restarted, sample(0)) == .leave)
  }

  @Test func aCallThatCannotBeInterruptedIsNot() {
    var close = Self.restarted
    close.result = 3
    #expect(decide(close, nil, handled: true, withoutRestart: true) == .leave)
    #expect(
      decide(Self.restarted, sample(0, pc: 0x9000), handled: true, withoutRestart: true) == .leave)
  }

  @Test func relativeTimeoutsAreKnown() {
    func timeout(_ number: Int64, _ arguments: [UInt64]) -> BlockingCall.Timeout? {
      BlockingCall.timeout(of: number) { arguments[$0] }
    }
    #expect(timeout(7, [1, 1, 500, 0, 0, 0]) == .milliseconds(argument: 2))
    #expect(timeout(7, [1, 1, 0xFFFF_FFFF, 0, 0, 0]) == nil)
    #expect(timeout(232, [1, 1, 1, 500, 0, 0]) == .milliseconds(argument: 3))
    #expect(timeout(230, [1, 0, 9, 0, 0, 0]) == .sleep(argument: 2, remainder: 3))
    #expect(timeout(230, [1, 1, 9, 0, 0, 0]) == nil)
    #expect(timeout(202, [9, 128, 0, 9, 0, 0]) == .timespec(argument: 3))
    #expect(timeout(202, [9, 137, 0, 9, 0, 0]) == nil)
    #expect(timeout(202, [9, 128, 0, 0, 0, 0]) == nil)
    #expect(timeout(0, [1, 1, 1, 1, 1, 1]) == nil)
  }
}
