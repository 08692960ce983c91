/// The sections of an ELF file that a backtrace wants: names of functions, build ID.
///
/// Source: elf(5), Elf64_Shdr.
struct ElfSections {
  private struct Section {
    var type: UInt32
    var offset: UInt64
    var byteCount: UInt64
    var link: UInt32
  }

  private let file: [UInt8]
  private let sections: [Section]

  /// `nil` for what isn't a 64-bit ELF file.
  init?(_ file: [UInt8]) {
    guard file.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2]),
      let table = value(UInt64.self, in: file, at: 40), table < UInt64(file.count),
      let entryByteCount = value(UInt16.self, in: file, at: 58), entryByteCount >= 64,
      let count = value(UInt16.self, in: file, at: 60)
    else { return nil }
    self.file = file
    sections = (0..<Int(count)).compactMap {
      Self.section(file, at: Int(table) + $0 * Int(entryByteCount))
    }
  }

  private static func section(_ file: [UInt8], at offset: Int) -> Section? {
    guard let type = value(UInt32.self, in: file, at: offset + 4),
      let start = value(UInt64.self, in: file, at: offset + 24),
      let byteCount = value(UInt64.self, in: file, at: offset + 32),
      let link = value(UInt32.self, in: file, at: offset + 40)
    else { return nil }
    return Section(type: type, offset: start, byteCount: byteCount, link: link)
  }

  private func contents(_ section: Section) -> [UInt8]? {
    let (end, overflow) = section.offset.addingReportingOverflow(section.byteCount)
    guard !overflow, end <= UInt64(file.count) else { return nil }
    return Array(file[Int(section.offset)..<Int(end)])
  }

  /// From SHT_NOTE (7).
  var buildID: [UInt8]? {
    for section in sections where section.type == 7 {
      if let found = contents(section).flatMap(CheckpointKit.buildID(inNotes:)) { return found }
    }
    return nil
  }

  /// From SHT_SYMTAB (2) or else SHT_DYNSYM (11).
  var symbols: ElfSymbols? {
    for type in [2, 11] as [UInt32] {
      guard let section = sections.first(where: { $0.type == type }),
        Int(section.link) < sections.count, let table = contents(section),
        let strings = contents(sections[Int(section.link)])
      else { continue }
      return ElfSymbols(table: table, strings: strings)
    }
    return nil
  }
}
