/// The notes of an image that are for other tools, which believe what they say.
///
/// `restart` does not read them, so nothing else finds out that they are damaged.
extension ImageHead {
  /// Whether each note that libunwind reads has the size that it claims.
  public var hasSoundCoreNotes: Bool {
    guard let start = word(at: Elf.headerByteCount + 8),
      let count = word(at: Elf.headerByteCount + 32), start <= bytes.count,
      count <= bytes.count - start
    else { return false }
    var place = start
    while place + 12 <= start + count {
      guard let note = CoreNote(at: place, in: self), note.end <= start + count, note.isSound else {
        return false
      }
      place = note.end
    }
    return true
  }

  /// A 64-bit number that can be an offset, `nil` when it can't or is outside.
  fileprivate func word(at offset: Int) -> Int? { number(at: offset, byteCount: 8) }

  fileprivate func number(at offset: Int, byteCount: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - byteCount else { return nil }
    var value: UInt64 = 0
    for index in 0..<byteCount { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    return value < 1 << 40 ? Int(value) : nil
  }
}

/// One note: where its description lies.
private struct CoreNote {
  let type: Int
  let start: Int
  let byteCount: Int
  let head: ImageHead

  /// Source: elf(5), Elf64_Nhdr; name and description are padded to 4 bytes.
  init?(at place: Int, in head: ImageHead) {
    guard let name = head.number(at: place, byteCount: 4),
      let byteCount = head.number(at: place + 4, byteCount: 4),
      let type = head.number(at: place + 8, byteCount: 4)
    else { return nil }
    self.head = head
    self.type = type
    self.byteCount = byteCount
    start = place + 12 + (name + 3) / 4 * 4
  }

  var end: Int { start + (byteCount + 3) / 4 * 4 }

  var isSound: Bool {
    switch type {
    case 1: byteCount == 336  // NT_PRSTATUS, struct elf_prstatus
    case 0x4649_4C45: hasFiles  // NT_FILE
    default: true
    }
  }

  /// Source: core(5); `fs/binfmt_elf.c`, fill_files_note: count, page size, three words for each, names.
  private var hasFiles: Bool {
    guard let count = head.word(at: start), count <= (byteCount - 16) / 24, byteCount >= 16 else {
      return false
    }
    let names = head.bytes[(start + 16 + count * 24)..<(start + byteCount)]
    return names.reduce(0) { $0 + ($1 == 0 ? 1 : 0) } >= count
  }
}
