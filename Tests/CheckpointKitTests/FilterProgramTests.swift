import CheckpointKit
import Testing

/// One instruction in the kernel's layout.
private func instruction(_ code: UInt16, _ constant: UInt32, _ yes: UInt8 = 0, _ no: UInt8 = 0)
  -> [UInt8]
{
  [UInt8(code & 0xFF), UInt8(code >> 8), yes, no]
    + (0..<4).map { UInt8(truncatingIfNeeded: constant >> (8 * UInt32($0))) }
}

private let allow = instruction(0x06, 0x7FFF_0000)
private let number = instruction(0x20, 0)

@Suite struct FilterProgramTests {
  @Test func aCallMeetsWhatTheFilterSaysOfItsNumber() {
    let filter = FilterProgram(
      number + instruction(0x15, 2, 0, 1) + instruction(0x06, 0x8000_0000) + allow)
    #expect(filter.verdict(on: .init(2)) == .kill)
    #expect(filter.verdict(on: .init(3)) == .allow)
  }

  @Test func everyAnswerIsKnown() {
    let answers: [(UInt32, FilterProgram.Verdict)] = [
      (0, .kill), (0x8000_0000, .kill), (0x0003_0000, .trap), (0x0005_0001, .error),
      (0x7FC0_0000, .notify),
      (0x7FF0_0000, .trace), (0x7FFC_0000, .allow), (0x7FFF_0000, .allow),
    ]
    for (action, verdict) in answers {
      #expect(FilterProgram(instruction(0x06, action)).verdict(on: .init(0)) == verdict)
    }
  }

  @Test func argumentsAndArithmeticCount() {
    // The first argument's low half, with 1 added, and 6 cut out of it: error if anything is left.
    let filter = FilterProgram(
      instruction(0x20, 16) + instruction(0x04, 1) + instruction(0x54, 6)
        + instruction(0x45, 2, 0, 1)
        + instruction(0x06, 0x0005_0016) + allow)
    #expect(filter.verdict(on: .init(9, [1])) == .error)
    #expect(filter.verdict(on: .init(9, [7])) == .allow)
  }

  @Test func jumpsWithoutConditionLeadForward() {
    #expect(
      FilterProgram(instruction(0x05, 1) + instruction(0x06, 0) + allow).verdict(on: .init(0))
        == .allow)
  }

  @Test func whatIsNoFilterForbids() {
    #expect(FilterProgram([]).verdict(on: .init(0)) == .kill)
    #expect(FilterProgram(instruction(0x20, 63) + allow).verdict(on: .init(0)) == .kill)
    #expect(FilterProgram(instruction(0x34, 0) + allow).verdict(on: .init(0)) == .kill)
  }
}
