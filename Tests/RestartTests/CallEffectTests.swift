import Kernel
import KernelABI
import Testing

@testable import Restart

/// Mapped memory from 0x100000 to 0x200000.
@Suite struct CallEffectTests {
  private static let mapped = AddressRange(start: 0x10_0000, end: 0x20_0000) ?? .empty

  private func effect(
    _ number: Int, _ arguments: InlineArray<6, UInt64>, isMain: Bool = false, flags: UInt64 = 0,
    isNative: Bool = true
  ) -> CallEffect {
    CallEffect(
      of: TracedCall(number: number, arguments, isNative: isNative), isMain: isMain, flags: flags
    ) { Self.mapped.overlaps($0) }
  }

  private func range(_ start: UInt64, _ end: UInt64) -> AddressRange {
    AddressRange(start: start, end: end) ?? .empty
  }

  @Test func elsewhereEverythingGoesOn() {
    for number in [9, 10, 11, 25, 27, 28, 149, 237, 325, 329] {
      #expect(effect(number, [0x30_0000, 0x1000, 0, 0, 0, 0]) == .none, "call \(number)")
    }
  }

  @Test func droppedMemoryIsEmptiedFirst() {
    #expect(
      effect(28, [0x1f_f000, 0x1001, 4, 0, 0, 0]) == .drops(range(0x1f_f000, 0x20_1000)))
    #expect(effect(28, [0x10_0000, 0x1000, 8, 0, 0, 0]) == .drops(range(0x10_0000, 0x10_1000)))
    // Refused by the kernel.
    #expect(effect(28, [0x10_0001, 0x1000, 4, 0, 0, 0]) == .none)
    #expect(effect(28, [0x10_0000, 0x1000, 102, 0, 0, 0]) == .waits)
  }

  @Test func whatReplacesMemoryTakesIt() {
    let all = range(0xf_f000, 0x10_1000)
    #expect(effect(11, [0xf_f000, 0x1fff, 0, 0, 0, 0]) == .takes(all))
    #expect(effect(9, [0xf_f000, 0x2000, 3, 0x32, 0, 0]) == .takes(all))
    #expect(effect(9, [0xf_f000, 0x2000, 3, 0x22, 0, 0]) == .none)
    #expect(effect(9, [0xf_f000, 0x2000, 3, 0x10_0032, 0, 0]) == .none)
  }

  @Test func movingInOrOutWaits() {
    #expect(effect(25, [0x10_0000, 0x1000, 0x2000, 1, 0, 0]) == .waits)
    #expect(effect(25, [0x30_0000, 0x1000, 0x1000, 3, 0x1f_f000, 0]) == .waits)
    #expect(effect(25, [0x30_0000, 0x1000, 0x1000, 1, 0x1f_f000, 0]) == .none)
  }

  @Test func theBreakWaitsOnlyBelowItsMemory() {
    #expect(effect(12, [0, 0, 0, 0, 0, 0]) == .none)
    #expect(effect(12, [0x8_0000, 0, 0, 0, 0, 0]) == .waits)
    #expect(effect(12, [0x18_0000, 0, 0, 0, 0, 0]) == .waits)
    #expect(effect(12, [0x20_0000, 0, 0, 0, 0, 0]) == .none)
  }

  @Test func onlyThreadsMayBeMade() {
    #expect(effect(56, [0x1_0f00, 0, 0, 0, 0, 0]) == .none)
    #expect(effect(56, [17, 0, 0, 0, 0, 0]) == .waits)
    #expect(effect(435, [0, 88, 0, 0, 0, 0], flags: 0x1_0f00) == .none)
    #expect(effect(435, [0, 88, 0, 0, 0, 0]) == .waits)
    for number in [57, 58, 59, 322, 101, 151, 323, 425] {
      #expect(effect(number, [0, 0, 0, 0, 0, 0]) == .waits, "call \(number)")
    }
  }

  @Test func endsAreSeen() {
    #expect(effect(231, [0, 0, 0, 0, 0, 0]) == .ends)
    #expect(effect(60, [0, 0, 0, 0, 0, 0], isMain: true) == .waits)
    #expect(effect(60, [0, 0, 0, 0, 0, 0]) == .none)
  }

  @Test func otherConventionsWait() {
    #expect(effect(0, [0, 0, 0, 0, 0, 0], isNative: false) == .waits)
    #expect(effect(0x4000_0001, [0, 0, 0, 0, 0, 0]) == .waits)
  }
}
