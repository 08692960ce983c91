import CImage
import Kernel
import KernelABI
import Testing

@testable import Agent

@Suite struct SignalTablesTests {
  @Test(arguments: 1...20)
  func aNumberIsFoundInTextThatComesInPieces(size: Int) {
    let text = Array("Name:\tS\nSigQ:\t3/9\nSigSigPnd:\t000000800000400f\nShdPnd:\t1\n".utf8)
    var matcher = HexadecimalAfter("SigPnd:\t")
    var start = 0
    while start < text.count {
      let piece = Array(text[start..<min(start + size, text.count)])
      unsafe piece.withUnsafeBytes { unsafe matcher.feed($0.bytes) }
      start += size
    }
    #expect(matcher.isDone)
    #expect(matcher.value == 0x80_0000_400f)
  }

  @Test func onlySignalsWithAHandlerCount() throws {
    var arena = try Arena(mapping: 1 << 20)
    var tables = try SignalTables(in: &arena)
    for signal in 1...Signal.count {
      let handler: UInt64 = signal == 1 ? 0 : signal == 2 ? 1 : 0x1000
      let flags: UInt64 = signal == 3 ? 0x1000_0000 : 0
      try tables.actions.append(
        ckpt_signal_action(handler: handler, flags: flags, restorer: 0, mask: 0))
    }
    #expect(tables.handled(0b1111, restarting: true) == 0b1100)
    #expect(tables.handled(0b1111, restarting: false) == 0b1000)
    try Mapping.unmap(arena.range)
  }
}
