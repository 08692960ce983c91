/// One program header of a shared object.
///
/// Source: elf(5), `Elf64_Phdr`.
struct ElfProgram: Equatable {
  enum Kind: Equatable {
    case load
    case dynamic
    case interpreter
    case threadStorage
    case relro
    case other
  }

  var kind: Kind

  /// 1: executable, 2: writable, 4: readable.
  var flags: UInt32

  /// In the file, in bytes, as `address` is in memory.
  var offset: UInt64
  var address: UInt64
  var fileByteCount: UInt64
  var memoryByteCount: UInt64

  private static let byteCount = 56

  /// All of a 64-bit x86-64 shared object, in the file's order.
  static func all(in bytes: [UInt8]) throws(AgentFileFailure) -> [ElfProgram] {
    guard bytes.count >= 64, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1]),
      value(UInt16.self, in: bytes, at: 16) == 3, value(UInt16.self, in: bytes, at: 18) == 62
    else { throw .notAnAgent }
    let table = value(UInt64.self, in: bytes, at: 32) ?? 0
    let count = Int(value(UInt16.self, in: bytes, at: 56) ?? 0)
    guard value(UInt16.self, in: bytes, at: 54) == UInt16(byteCount), table >= 64,
      table <= UInt64(bytes.count), bytes.count - Int(table) >= count * byteCount
    else { throw .damaged }
    return (0..<count).map { ElfProgram(bytes, at: Int(table) + $0 * byteCount) }
  }

  /// - Precondition: the header lies within `bytes`.
  private init(_ bytes: [UInt8], at start: Int) {
    func word(_ offset: Int) -> UInt64 { value(UInt64.self, in: bytes, at: start + offset) ?? 0 }
    kind = Self.kind(of: value(UInt32.self, in: bytes, at: start) ?? 0)
    flags = value(UInt32.self, in: bytes, at: start + 4) ?? 0
    offset = word(8)
    address = word(16)
    fileByteCount = word(32)
    memoryByteCount = word(40)
  }

  private static func kind(of type: UInt32) -> Kind {
    switch type {
    case 1: .load
    case 2: .dynamic
    case 3: .interpreter
    case 7: .threadStorage
    case 0x6474_E552: .relro
    default: .other
    }
  }
}
