internal import CUnwind
internal import CheckpointImage
internal import KernelABI

/// An ELF file as it lies in the memory of a program: the program itself, a library, the vdso.
///
/// Everything is read from the image; the file on disk serves only for more names, and only when
/// it is the same build.
final class CodeModule {
  let path: String

  /// What to add to an address of the file to get one of the program.
  private let bias: UInt64
  private let code: ClosedRange<UInt64>
  private let segments: [Segment]
  private let core: Core

  /// The file's header, which has its entry point and sizes: enough to tell two builds apart where
  /// a linker leaves no build ID.
  private let head: [UInt8]
  private lazy var symbols = symbolsOfFile() ?? symbolsOfMemory()

  private struct Segment {
    var type: UInt32
    var flags: UInt32
    var address: UInt64
    var byteCount: UInt64
  }

  /// Reads the header of the file whose first page lies at `base`.
  init?(path: String, base: UInt64, core: Core) {
    guard let head = core.bytes(at: base, count: 64), programKind(of: head) != .foreign,
      head.starts(with: [0x7F, 0x45, 0x4C, 0x46]),
      let segments = Self.segments(base, head, core), !segments.isEmpty
    else { return nil }
    let loads = segments.filter { $0.type == 1 }
    guard let low = loads.map(\.address).min() else { return nil }
    let bias = base &- low & ~4095
    let executable = loads.filter { $0.flags & 1 != 0 }
    guard let start = executable.map(\.address).min(),
      let end = executable.map({ $0.address &+ $0.byteCount }).max(), start < end
    else { return nil }
    self.path = path
    self.core = core
    self.head = head
    self.segments = segments
    self.bias = bias
    code = min(bias &+ start, bias &+ end)...max(bias &+ start, bias &+ end)
  }

  /// The program headers: type, flags, offset, address, -, bytes in the file, bytes in memory.
  private static func segments(_ base: UInt64, _ head: [UInt8], _ core: Core) -> [Segment]? {
    guard let offset = value(UInt64.self, in: head, at: 32), offset < 1 << 20,
      let count = value(UInt16.self, in: head, at: 56), count <= 256,
      let table = core.bytes(at: base + offset, count: Int(count) * 56)
    else { return nil }
    return (0..<Int(count)).compactMap { index in
      guard let type = value(UInt32.self, in: table, at: index * 56),
        let flags = value(UInt32.self, in: table, at: index * 56 + 4),
        let address = value(UInt64.self, in: table, at: index * 56 + 16),
        let byteCount = value(UInt64.self, in: table, at: index * 56 + 40)
      else { return nil }
      return Segment(type: type, flags: flags, address: address, byteCount: byteCount)
    }
  }

  func contains(_ address: UInt64) -> Bool { code.contains(address) }

  /// PT_GNU_EH_FRAME, in the encoding that linkers use: 4-byte offsets in a sorted table.
  ///
  /// Source: Linux Standard Base, Core, 10.6.2 (.eh_frame_hdr).
  var unwindTable: cunwind_module? {
    guard let segment = segments.first(where: { $0.type == 0x6474_E550 }) else { return nil }
    let header = bias &+ segment.address
    guard let bytes = core.bytes(at: header, count: 12), bytes.starts(with: [1, 0x1B, 3, 0x3B]),
      let count = value(UInt32.self, in: bytes, at: 8)
    else { return nil }
    return cunwind_module(
      start: code.lowerBound, end: code.upperBound, header: header, table: header + 12,
      count: UInt64(count))
  }

  func function(at address: UInt64) -> ElfSymbols.Match? {
    symbols?.function(at: address &- bias)
  }

  /// NT_GNU_BUILD_ID (3) of owner "GNU", from a PT_NOTE segment.
  private var buildID: [UInt8]? {
    for segment in segments where segment.type == 4 && segment.byteCount < 65536 {
      guard let bytes = core.bytes(at: bias &+ segment.address, count: Int(segment.byteCount)),
        let found = CheckpointKit.buildID(inNotes: bytes)
      else { continue }
      return found
    }
    return nil
  }

  private func symbolsOfFile() -> ElfSymbols? {
    guard path.hasPrefix("/"), let file = try? HostFiles.contents(of: path, limit: 1 << 30),
      file.starts(with: head), let sections = ElfSections(file), sections.buildID == buildID
    else { return nil }
    return sections.symbols
  }

  /// The dynamic symbols, which a program has in memory.
  private func symbolsOfMemory() -> ElfSymbols? {
    guard let dynamic = segments.first(where: { $0.type == 2 && $0.byteCount < 65536 }),
      let bytes = core.bytes(at: bias &+ dynamic.address, count: Int(dynamic.byteCount)),
      let table = pointer(6, in: bytes), let strings = pointer(5, in: bytes),
      let stringByteCount = entry(10, in: bytes), stringByteCount < 64 << 20,
      // The strings follow the symbols in what every linker makes; nothing else tells the count.
      strings > table, strings - table < 64 << 20,
      let tableBytes = core.bytes(at: table, count: Int(strings - table)),
      let stringBytes = core.bytes(at: strings, count: Int(stringByteCount))
    else { return nil }
    return ElfSymbols(table: tableBytes, strings: stringBytes)
  }

  /// An entry of the dynamic section.
  private func entry(_ tag: UInt64, in dynamic: [UInt8]) -> UInt64? {
    for offset in stride(from: 0, to: dynamic.count - 15, by: 16)
    where value(UInt64.self, in: dynamic, at: offset) == tag {
      return value(UInt64.self, in: dynamic, at: offset + 8)
    }
    return nil
  }

  /// An address: glibc's loader has added the bias to those of a library, not to the vdso's.
  private func pointer(_ tag: UInt64, in dynamic: [UInt8]) -> UInt64? {
    entry(tag, in: dynamic).map { $0 < bias ? bias &+ $0 : $0 }
  }
}

/// Finds NT_GNU_BUILD_ID among notes: name size, descriptor size, type, name, descriptor.
func buildID(inNotes bytes: [UInt8]) -> [UInt8]? {
  var offset = 0
  while let nameCount = value(UInt32.self, in: bytes, at: offset),
    let count = value(UInt32.self, in: bytes, at: offset + 4),
    let type = value(UInt32.self, in: bytes, at: offset + 8)
  {
    let start = offset + 12 + (Int(nameCount) + 3) & ~3
    let end = start + Int(count)
    guard end <= bytes.count else { return nil }
    if type == 3 && bytes[(offset + 12)...].starts(with: [0x47, 0x4E, 0x55, 0]) {
      return Array(bytes[start..<end])
    }
    offset = start + (Int(count) + 3) & ~3
  }
  return nil
}
