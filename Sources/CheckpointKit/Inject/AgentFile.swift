internal import CKernel

/// What is wrong with a file that should be libckpt.so.
public enum AgentFileFailure: Error, Equatable, Sendable {
  /// No 64-bit shared object for x86-64.
  case notAnAgent

  /// A header or table points outside of the file or of the memory it describes.
  case damaged

  /// It needs more than an agent may: a library, a symbol of another file, thread-local storage.
  case needs(String)

  /// It has no entry for an injected agent: an older version.
  case noEntry
}

/// How libckpt.so has to lie in memory: its segments, relocations and entry.
///
/// A pure function of the file's bytes. All addresses are offsets from where the agent will lie.
///
/// Source: elf(5); System V ABI, AMD64 supplement, section 4.4.
struct AgentFile: Equatable {
  /// One PT_LOAD, in whole pages.
  struct Segment: Equatable {
    /// Offset in the file and in memory, of the first page.
    var fileOffset: UInt64
    var address: UInt64

    /// Bytes that are mapped from the file; a multiple of the page.
    var mappedByteCount: UInt64

    /// Bytes of memory in all; a multiple of the page.
    var byteCount: UInt64
    var isWritable: Bool
    var isExecutable: Bool
  }

  /// A word that holds an address of the agent itself.
  struct Relocation: Equatable {
    var address: UInt64
    var addend: UInt64
  }

  /// A run of bytes at `address` that differs from the file's.
  struct Write: Equatable {
    var address: UInt64
    var bytes: [UInt8]
  }

  private(set) var segments: [Segment] = []
  private(set) var relocations: [Relocation] = []

  /// Bytes of memory from the first segment to the end of the last.
  private(set) var span: UInt64 = 0

  /// What becomes read-only once it is relocated; empty: nothing.
  private(set) var relro: Range<UInt64> = 0..<0

  /// `ckpt_agent_inject`.
  private(set) var entry: UInt64 = 0

  /// Bytes at the front of the file that the segments need.
  private(set) var loadedByteCount: UInt64 = 0

  /// Bytes of the first segment that are the same in every process: its headers and constants.
  var constantByteCount: Int {
    guard let first = programs.first(where: { $0.kind == .load }), first.address == 0,
      first.offset == 0, first.flags & 2 == 0
    else { return 0 }
    return Int(first.fileByteCount)
  }

  private let programs: [ElfProgram]
  private let bytes: [UInt8]

  static let entryName = "ckpt_agent_inject"

  /// More than any agent has; what says so is damaged.
  private static let limit: UInt64 = 64 << 20

  init(_ bytes: [UInt8]) throws(AgentFileFailure) {
    self.bytes = bytes
    programs = try ElfProgram.all(in: bytes)
    for program in programs { try take(program) }
    guard !segments.isEmpty, segments.contains(where: \.isExecutable) else { throw .notAnAgent }
    try takeDynamic()
  }

  private mutating func take(_ program: ElfProgram) throws(AgentFileFailure) {
    switch program.kind {
    case .load: try addSegment(program)
    case .relro:
      let end = try sum(program.address, program.memoryByteCount)
      relro = program.address / page * page..<end / page * page
    case .threadStorage: throw .needs("thread-local storage")
    case .interpreter: throw .needs("an interpreter")
    case .dynamic, .other: return
    }
  }

  private mutating func addSegment(_ program: ElfProgram) throws(AgentFileFailure) {
    guard program.fileByteCount <= program.memoryByteCount,
      program.address % page == program.offset % page,
      try sum(program.offset, program.fileByteCount) <= UInt64(bytes.count)
    else { throw .damaged }
    let lead = program.address % page
    let start = program.address - lead
    let fileEnd = try sum(program.address, program.fileByteCount)
    let end = roundedUp(try sum(program.address, program.memoryByteCount))
    guard start >= span, end > start, end <= Self.limit else { throw .damaged }
    segments.append(
      Segment(
        fileOffset: program.offset - lead, address: start,
        mappedByteCount: program.fileByteCount == 0 ? 0 : roundedUp(fileEnd) - start,
        byteCount: end - start, isWritable: program.flags & 2 != 0,
        isExecutable: program.flags & 1 != 0))
    span = end
    loadedByteCount = max(loadedByteCount, program.offset + program.fileByteCount)
  }

  /// The bytes that must be written over what is mapped from the file: all of the writable
  /// segments, relocated, up to the end of the page in which the file's part ends.
  ///
  /// - Parameter base: where the agent lies.
  func writes(base: UInt64) -> [Write] {
    programs.filter { $0.kind == .load && $0.flags & 2 != 0 && $0.fileByteCount > 0 }.map {
      let start = $0.address / page * page
      let lead = $0.address - start
      let end = roundedUp($0.address + $0.fileByteCount)
      let file = bytes[Int($0.offset - lead)..<Int($0.offset + $0.fileByteCount)]
      var content = Array(file)
      content += [UInt8](repeating: 0, count: Int(end - start) - content.count)
      for relocation in relocations where start <= relocation.address && relocation.address < end {
        let offset = Int(relocation.address - start)
        content.replaceSubrange(
          offset..<offset + 8, with: CheckpointKit.bytes(of: base &+ relocation.addend))
      }
      return Write(address: start, bytes: content)
    }
  }

  // MARK: The dynamic section

  /// Tags of `Elf64_Dyn`.
  private enum Tag {
    static let needed: UInt64 = 1
    static let strings: UInt64 = 5
    static let symbols: UInt64 = 6
    static let relocations: UInt64 = 7
    static let relocationsByteCount: UInt64 = 8
    static let stringsByteCount: UInt64 = 10
    static let jumpRelocationsByteCount: UInt64 = 2
    static let packedRelocationsByteCount: UInt64 = 35
  }

  private mutating func takeDynamic() throws(AgentFileFailure) {
    guard let dynamic = programs.first(where: { $0.kind == .dynamic }) else { throw .notAnAgent }
    var values: [UInt64: UInt64] = [:]
    var offset = dynamic.offset
    let end = try sum(offset, dynamic.fileByteCount)
    while offset + 16 <= end {
      let tag = try word(at: offset)
      guard tag != 0 else { break }
      if tag == Tag.needed { throw .needs("a library") }
      values[tag] = try word(at: offset + 8)
      offset += 16
    }
    guard values[Tag.jumpRelocationsByteCount] ?? 0 == 0,
      values[Tag.packedRelocationsByteCount] ?? 0 == 0
    else { throw .needs("relocations of a kind that is not known") }
    try takeRelocations(values)
    try takeEntry(values)
  }

  private mutating func takeRelocations(_ values: [UInt64: UInt64]) throws(AgentFileFailure) {
    let byteCount = values[Tag.relocationsByteCount] ?? 0
    guard byteCount > 0 else { return }
    let start = try fileOffset(of: values[Tag.relocations] ?? 0)
    guard byteCount % 24 == 0, byteCount <= UInt64(bytes.count) else { throw .damaged }
    for offset in stride(from: start, to: try sum(start, byteCount), by: 24) {
      let relocation = Relocation(
        address: try word(at: offset), addend: try word(at: offset + 16))
      // R_X86_64_RELATIVE, of no symbol.
      guard try word(at: offset + 8) == 8 else { throw .needs("a symbol of another file") }
      guard isWritten(relocation.address), relocation.addend < span else { throw .damaged }
      relocations.append(relocation)
    }
  }

  /// Whether all of the word at `address` is in a part of the file that is writable in memory.
  private func isWritten(_ address: UInt64) -> Bool {
    programs.contains {
      $0.kind == .load && $0.flags & 2 != 0 && $0.fileByteCount >= 8 && address >= $0.address
        && address - $0.address <= $0.fileByteCount - 8
    }
  }

  /// Symbols have no count of their own in memory: those up to the string table, which linkers put
  /// behind them, and at most so many.
  private static let symbolLimit = 64

  private mutating func takeEntry(_ values: [UInt64: UInt64]) throws(AgentFileFailure) {
    guard let strings = values[Tag.strings], let symbols = values[Tag.symbols] else {
      throw .notAnAgent
    }
    let names = try fileOffset(of: strings)
    let first = try fileOffset(of: symbols)
    let namesEnd = try sum(names, values[Tag.stringsByteCount] ?? 0)
    let wanted = Array(Self.entryName.utf8) + [0]
    for index in 0..<Self.symbolLimit {
      let offset = first + UInt64(index) * 24
      guard offset < names || names < first, offset + 24 <= bytes.count else { break }
      let name = try sum(names, try word(at: offset) & 0xFFFF_FFFF)
      guard name <= namesEnd, namesEnd - name >= wanted.count, namesEnd <= bytes.count,
        bytes[Int(name)...].starts(with: wanted)
      else { continue }
      let value = try word(at: offset + 8)
      guard
        segments.contains(where: {
          $0.isExecutable && value >= $0.address && value < $0.address + $0.byteCount
        })
      else { throw .damaged }
      entry = value
      return
    }
    throw .noEntry
  }

  /// Where the byte at `address` lies in the file.
  private func fileOffset(of address: UInt64) throws(AgentFileFailure) -> UInt64 {
    for program in programs
    where program.kind == .load && address >= program.address
      && address - program.address < program.fileByteCount
    {
      return program.offset + (address - program.address)
    }
    throw .damaged
  }

  private func word(at offset: UInt64) throws(AgentFileFailure) -> UInt64 {
    guard offset <= UInt64(bytes.count), let word = value(UInt64.self, in: bytes, at: Int(offset))
    else { throw .damaged }
    return word
  }
}

private let page: UInt64 = 4096

private func roundedUp(_ byteCount: UInt64) -> UInt64 { (byteCount + (page - 1)) / page * page }

/// - Throws: `damaged` for what is beyond any agent's size.
private func sum(_ start: UInt64, _ byteCount: UInt64) throws(AgentFileFailure) -> UInt64 {
  let (end, overflows) = start.addingReportingOverflow(byteCount)
  guard !overflows, end < 1 << 32 else { throw .damaged }
  return end
}
