import TestSupport
import Testing

@testable import CheckpointKit

/// A small shared object as a linker would make it: headers and constants, code, relocated data.
private struct SharedObject {
  var bytes = [UInt8](repeating: 0, count: 0x2100)

  init() {
    put([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1], at: 0)
    put16(3, at: 16)
    put16(62, at: 18)
    put64(64, at: 32)
    put16(56, at: 54)
    put16(5, at: 56)
    program(0, type: 1, flags: 4, offset: 0, address: 0, file: 0x400, memory: 0x400)
    program(1, type: 1, flags: 5, offset: 0x1000, address: 0x2000, file: 0x100, memory: 0x100)
    program(2, type: 1, flags: 6, offset: 0x2000, address: 0x4000, file: 0x100, memory: 0x3000)
    program(3, type: 2, flags: 6, offset: 0x2010, address: 0x4010, file: 0x60, memory: 0x60)
    program(
      4, type: 0x6474_E552, flags: 4, offset: 0x2000, address: 0x4000, file: 0x100, memory: 0x1000)
    // Two symbols, their names, one relocation; then the code's tail and the dynamic section.
    put64(1, at: 0x200 + 24)
    put64(0x2040, at: 0x200 + 32)
    put(Array("\0ckpt_agent_inject\0".utf8), at: 0x230)
    put64(0x4080, at: 0x260)
    put64(8, at: 0x268)
    put64(0x2040, at: 0x270)
    let dynamic: [(UInt64, UInt64)] = [
      (6, 0x200), (5, 0x230), (10, 19), (7, 0x260), (8, 24), (0, 0),
    ]
    for (index, entry) in dynamic.enumerated() {
      put64(entry.0, at: 0x2010 + 16 * index)
      put64(entry.1, at: 0x2018 + 16 * index)
    }
    put64(0x1234, at: 0x2090)
  }

  mutating func put(_ text: [UInt8], at offset: Int) {
    bytes.replaceSubrange(offset..<offset + text.count, with: text)
  }
  mutating func put16(_ value: UInt16, at offset: Int) {
    put(CheckpointKit.bytes(of: value), at: offset)
  }
  mutating func put64(_ value: UInt64, at offset: Int) {
    put(CheckpointKit.bytes(of: value), at: offset)
  }

  private mutating func program(
    _ index: Int, type: UInt32, flags: UInt32, offset: UInt64, address: UInt64, file: UInt64,
    memory: UInt64
  ) {
    let start = 64 + 56 * index
    put(CheckpointKit.bytes(of: type) + CheckpointKit.bytes(of: flags), at: start)
    for (number, value) in [offset, address, address, file, memory, 0x1000].enumerated() {
      put64(value, at: start + 8 + 8 * number)
    }
  }
}

@Suite struct AgentFileTests {
  @Test func segmentsAreWholePages() throws {
    let file = try AgentFile(SharedObject().bytes)
    #expect(file.span == 0x7000 && file.entry == 0x2040 && file.loadedByteCount == 0x2100)
    #expect(file.segments.map(\.address) == [0, 0x2000, 0x4000])
    #expect(file.segments.map(\.fileOffset) == [0, 0x1000, 0x2000])
    #expect(file.segments.map(\.mappedByteCount) == [0x1000, 0x1000, 0x1000])
    #expect(file.segments.map(\.byteCount) == [0x1000, 0x1000, 0x3000])
    #expect(file.segments.map(\.isExecutable) == [false, true, false])
    #expect(file.relro == 0x4000..<0x5000 && file.constantByteCount == 0x400)
  }

  @Test func whatIsWrittenIsRelocatedAndEndsInZeros() throws {
    let writes = try AgentFile(SharedObject().bytes).writes(base: 0x7000_0000_0000)
    #expect(writes.count == 1 && writes[0].address == 0x4000 && writes[0].bytes.count == 0x1000)
    #expect(value(UInt64.self, in: writes[0].bytes, at: 0x80) == 0x7000_0000_2040)
    #expect(value(UInt64.self, in: writes[0].bytes, at: 0x90) == 0x1234)
    #expect(writes[0].bytes[0x100...].allSatisfy { $0 == 0 })
  }

  @Test func whatAnAgentMayNotNeedIsNamed() {
    var library = SharedObject()
    library.put64(1, at: 0x2010 + 16 * 4)
    #expect(throws: AgentFileFailure.needs("a library")) { try AgentFile(library.bytes) }
    var symbol = SharedObject()
    symbol.put64(1 << 32 | 6, at: 0x268)
    #expect(throws: AgentFileFailure.needs("a symbol of another file")) {
      try AgentFile(symbol.bytes)
    }
    var nameless = SharedObject()
    nameless.put([0x78], at: 0x231)
    #expect(throws: AgentFileFailure.noEntry) { try AgentFile(nameless.bytes) }
    #expect(throws: AgentFileFailure.notAnAgent) { try AgentFile([]) }
  }

  @Test func everyPrefixIsRefused() {
    let bytes = SharedObject().bytes
    for count in stride(from: 0, to: bytes.count, by: 7) {
      #expect(throws: AgentFileFailure.self) { try AgentFile(Array(bytes.prefix(count))) }
    }
  }

  /// Damage is refused, or the plan stays within what was read and what is asked for.
  @Test(arguments: 0..<400 as Range<UInt64>)
  func damageNeverLeadsOutside(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var bytes = SharedObject().bytes
    let used = [0..<0x160, 0x200..<0x278, 0x2010..<0x2070]
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let range = used[Int.random(in: 0..<3, using: &random)]
      bytes[Int.random(in: range, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
    }
    guard let file = try? AgentFile(bytes) else { return }
    let writes = file.writes(base: 0x7000_0000_0000)
    #expect(file.entry < file.span, "seed \(seed)")
    for write in writes {
      #expect(write.address + UInt64(write.bytes.count) <= file.span, "seed \(seed)")
    }
    for segment in file.segments {
      #expect(segment.address + segment.byteCount <= file.span, "seed \(seed)")
      #expect(segment.mappedByteCount <= segment.byteCount, "seed \(seed)")
    }
  }
}
