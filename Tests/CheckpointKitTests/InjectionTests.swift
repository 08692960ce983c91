import CKernel
import Testing

@testable import CheckpointKit

private func registers(call: Int64, result: Int64) -> Registers {
  var registers = Registers()
  registers.bits.rip = 0x40_1002
  registers.bits.rax = UInt64(bitPattern: result)
  registers.bits.orig_rax = UInt64(bitPattern: call)
  registers.bits.cs = 0x33
  registers.bits.r10 = 5000
  registers.bits.rdx = 0x6000
  return registers
}

@Suite struct ResumeRegistersTests {
  @Test func aThreadInNoCallGoesOnWhereItWas() {
    let stop = ResumeRegisters.Stop(registers: registers(call: -1, result: -512))
    let resumption = ResumeRegisters(stop)
    #expect(resumption.native == stop.registers && resumption.alone == stop.registers)
  }

  @Test(arguments: [-512, -513, -514] as [Int64])
  func aCallIsMadeAgainByTheKernelAndByTheStrip(result: Int64) {
    let stop = ResumeRegisters.Stop(registers: registers(call: 0, result: result))
    let resumption = ResumeRegisters(stop)
    #expect(resumption.native == stop.registers)
    #expect(resumption.alone.bits.rip == 0x40_1000 && resumption.alone.bits.rax == 0)
    #expect(resumption.alone.call == nil)
  }

  @Test func aSleepGoesOnWithWhatIsLeft() {
    let resumption = ResumeRegisters(.init(registers: registers(call: 35, result: -516)))
    #expect(resumption.alone.bits.rax == 219 && resumption.alone.bits.rip == 0x40_1000)
    #expect(resumption.native.bits.rax == UInt64(bitPattern: -516))
  }

  @Test func aCallWithAMaskOfItsOwnIsMadeAnew() {
    var stop = ResumeRegisters.Stop(registers: registers(call: 270, result: -514))
    stop.hasTemporaryMask = true
    let resumption = ResumeRegisters(stop)
    #expect(resumption.native == resumption.alone && resumption.native.bits.rax == 270)
  }

  @Test func whatTheStopEndedIsMadeAgainWithLessTime() {
    var stop = ResumeRegisters.Stop(registers: registers(call: 232, result: -4))
    stop.waited = 1_999_500_000
    #expect(ResumeRegisters(stop).native.bits.r10 == 3001)
    stop.waited = 9_000_000_000
    #expect(ResumeRegisters(stop).native.bits.r10 == 0)
    stop.waited = 0
    #expect(ResumeRegisters(stop).native.bits.r10 == 5000)
    #expect(
      ResumeRegisters(stop).native.bits.rip == 0x40_1000 && ResumeRegisters(stop).native.call == nil
    )
  }

  @Test func aTimeInMemoryIsShortenedInTheSlot() {
    var stop = ResumeRegisters.Stop(registers: registers(call: 128, result: -4))
    stop.timeout = ckernel_timespec(seconds: 2, nanoseconds: 500)
    stop.waited = 1_000_000_000
    stop.slot = 0x7000
    let resumption = ResumeRegisters(stop)
    #expect(resumption.native.bits.rdx == 0x7000)
    #expect(resumption.slotTime?.seconds == 1 && resumption.slotTime?.nanoseconds == 500)
  }

  @Test func aSignalsInterruptionStays() {
    var stop = ResumeRegisters.Stop(registers: registers(call: 232, result: -4))
    stop.hasPendingSignal = true
    #expect(ResumeRegisters(stop).native == stop.registers)
    #expect(
      ResumeRegisters(.init(registers: registers(call: 2, result: -4))).native.bits.rip == 0x40_1002
    )
  }

  @Test func aRestartableSequenceIsAbandoned() {
    var stop = ResumeRegisters.Stop(registers: registers(call: -1, result: 7))
    stop.abortAddress = 0x9000
    let resumption = ResumeRegisters(stop)
    #expect(resumption.native.bits.rip == 0x9000 && resumption.alone.bits.rip == 0x9000)
  }
}

@Suite struct ScratchCodeTests {
  @Test func itsPartsAreWhereTheyAreSaidToBe() {
    var back = registers(call: -1, result: 0)
    back.bits.r15 = 0x1122_3344_5566_7788
    let scratch = ScratchCode(back: back, mask: 0x8070_6050_4030_2010)
    let code = scratch.code
    #expect(UInt64(code.count) == ScratchCode.byteCount)
    #expect(code[Int(ScratchCode.callOffset)...].starts(with: [0x0F, 0x05]))
    #expect(code[Int(ScratchCode.maskCallOffset)...].starts(with: [0x0F, 0x05, 0x48, 0xB8]))
    #expect(code.suffix(8).elementsEqual([0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80]))
    #expect(value(UInt64.self, in: code, at: code.count - 16) == 0x40_1002)
    #expect(value(UInt64.self, in: code, at: code.count - 30) == 0x1122_3344_5566_7788)
    // The address of the mask, from behind the instruction that takes it.
    let lea = Int(ScratchCode.callOffset) + 2 + 10
    #expect(code[lea...].starts(with: [0x48, 0x8D, 0x35]))
    let distance = Int(value(Int32.self, in: code, at: lea + 3) ?? 0)
    #expect(lea + 7 + distance == code.count - 8)
  }
}

@Suite struct ScratchPlaceTests {
  @Test func itLiesInZerosBehindTheCode() throws {
    var page = [UInt8](repeating: 0, count: 4096)
    for index in 0..<1001 { page[index] = 0xC3 }
    let place = try #require(ScratchPlace(page: page, at: 0x7000))
    #expect(place.address % 16 == 0 && place.address >= 0x7000 + 1001 + 32)
    page[4095 - Int(ScratchPlace.byteCount)] = 1
    #expect(ScratchPlace(page: page, at: 0x7000) == nil)
    #expect(ScratchPlace(page: [UInt8](repeating: 0, count: 4096), at: 0) != nil)
  }

  @Test func theVdsoComesFirst() {
    let maps = MapsLine.all(
      in: """
        400000-402000 r-xp 00000000 08:01 1 /bin/x y
        500000-501000 r-xs 00000000 08:01 1 /bin/z
        600000-601000 r-xp 00000000 00:00 0
        7f0000000000-7f0000002000 r-xp 00000000 00:00 0                          [vdso]
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
        """)
    #expect(maps.count == 5 && maps[0].name == "/bin/x y")
    #expect(ScratchPlace.candidates(in: maps) == [0x7f00_0000_1000, 0x40_1000])
  }
}

@Suite struct PtraceRefusalTests {
  @Test func theCauseIsNamed() {
    var facts = PtraceRefusal.Facts(isReadable: true, isSameUser: true)
    #expect(PtraceRefusal(facts) == .morePrivileged)
    facts.yamaScope = 1
    #expect(PtraceRefusal(facts) == .yama(scope: 1))
    facts.isCapable = true
    #expect(PtraceRefusal(facts) == .morePrivileged)
    facts.yamaScope = 3
    #expect(PtraceRefusal(facts) == .yama(scope: 3))
    facts.isFiltered = true
    #expect(PtraceRefusal(facts) == .filtered)
    facts.tracer = 7
    facts.tracerName = "gdb"
    #expect(PtraceRefusal(facts) == .tracedBy(7, name: "gdb"))
    #expect(PtraceRefusal(.init(isReadable: false, isSameUser: true)) == .notDumpable)
  }
}

@Suite struct StoppedThreadTests {
  @Test func waitStatusesAreTold() {
    #expect(SeizedThread.event(0x85 << 8 | 0x7F) == .call)
    #expect(SeizedThread.event(128 << 16 | 5 << 8 | 0x7F) == .trap(isGroupStop: false))
    #expect(SeizedThread.event(128 << 16 | 19 << 8 | 0x7F) == .trap(isGroupStop: true))
    #expect(SeizedThread.event(4 << 16 | 5 << 8 | 0x7F) == .executed)
    #expect(SeizedThread.event(10 << 8 | 0x7F) == .signal(10))
    #expect(SeizedThread.event(9) == .ended && SeizedThread.event(0) == .ended)
  }
}
