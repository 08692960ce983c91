/// Function names by address, from a symbol table.
///
/// Source: elf(5), Elf64_Sym.
struct ElfSymbols {
  private struct Symbol {
    var start: UInt64
    var byteCount: UInt64
    var name: Int
  }

  private var symbols: [Symbol] = []
  private let strings: [UInt8]

  /// Addresses in the table are those of the file, not of the program.
  init(table: [UInt8], strings: [UInt8]) {
    self.strings = strings
    for offset in stride(from: 0, to: table.count - 23, by: 24) {
      guard let symbol = Self.function(table, at: offset) else { continue }
      symbols.append(symbol)
    }
    symbols.sort { ($0.start, $0.byteCount) < ($1.start, $1.byteCount) }
  }

  /// One of type STT_FUNC (2), STT_GNU_IFUNC (10) or, from assembly, STT_NOTYPE (0) that is defined.
  private static func function(_ table: [UInt8], at offset: Int) -> Symbol? {
    guard let name = value(UInt32.self, in: table, at: offset), name != 0,
      [0, 2, 10].contains(table[offset + 4] & 15),
      let section = value(UInt16.self, in: table, at: offset + 6), section != 0, section < 0xFF00,
      let start = value(UInt64.self, in: table, at: offset + 8), start != 0,
      let byteCount = value(UInt64.self, in: table, at: offset + 16)
    else { return nil }
    return Symbol(start: start, byteCount: byteCount, name: Int(name))
  }

  struct Match: Equatable {
    var name: String
    var offset: UInt64
  }

  /// The function that `address` lies in.
  func function(at address: UInt64) -> Match? {
    var low = 0
    var high = symbols.count
    while low < high {
      let middle = (low + high) / 2
      if symbols[middle].start <= address { low = middle + 1 } else { high = middle }
    }
    // Sizes of 0 come first among equals, so the last one that starts before is the best.
    for index in stride(from: low - 1, through: max(0, low - 8), by: -1) {
      let symbol = symbols[index]
      let offset = address - symbol.start
      if offset < symbol.byteCount || symbol.byteCount == 0 && offset < 4096 {
        return Match(name: name(at: symbol.name), offset: offset)
      }
    }
    return nil
  }

  private func name(at offset: Int) -> String {
    guard offset < strings.count else { return "?" }
    return String(decoding: strings[offset...].prefix { $0 != 0 }, as: UTF8.self)
  }
}
