internal import CImage

/// The program `restart` as far as it matters for making it a snapshot executable: where its note
/// is, and where its bytes end.
public struct ExecutableSlot: Equatable, Sendable, BitwiseCopyable {
  /// Bytes from the start of the file to the descriptor of the note.
  public let noteOffset: UInt64

  /// Where the note's header is in memory.
  let noteAddress: UInt64

  /// How many program headers there are.
  let segmentCount: UInt16

  /// Bytes from the start of the file to the end of what is loaded of it; symbols come behind.
  public let programByteCount: UInt64

  /// What of a file has to be looked at: the note is in there.
  public static let prefixByteCount = 4096

  /// No `restart` is larger, in bytes: it lies between 0x10000 and 0x200000.
  static let programByteLimit: UInt64 = 2 << 20

  /// Bytes of a note before its descriptor: three words, and the owner filled up to words.
  static let noteHeaderByteCount: UInt64 = 20

  /// Looks for the note.
  ///
  /// - Parameter prefix: the first `prefixByteCount` bytes of a file, or all of a shorter one.
  /// - Returns: `nil` for what is no x86-64 executable with such a note.
  public init?(prefix: RawSpan) {
    guard prefix.byteCount >= Elf.headerByteCount else { return nil }
    let header = ElfHeader(prefix)
    guard header.magic == Elf.magic, header.classDataVersion == Elf.classDataVersion,
      header.type == Elf.executableType, header.machine == Elf.machine,
      header.segmentsOffset == Elf.headerByteCount,
      header.segmentByteCount == Elf.segmentByteCount
    else { return nil }
    let count = Int(header.segmentCount)
    guard Elf.headerByteCount + count * Elf.segmentByteCount <= prefix.byteCount else {
      return nil
    }
    var end: UInt64 = 0
    var note: (offset: UInt64, address: UInt64)?
    for index in 0..<count {
      let segment = ElfSegment(prefix, at: Elf.headerByteCount + index * Elf.segmentByteCount)
      guard segment.offset < Self.programByteLimit,
        segment.fileByteCount < Self.programByteLimit
      else { return nil }
      end = max(end, segment.offset + segment.fileByteCount)
      if segment.type == Elf.noteSegment, note == nil { note = Self.find(segment, prefix) }
    }
    guard let note else { return nil }
    noteOffset = note.offset + Self.noteHeaderByteCount
    noteAddress = note.address
    segmentCount = header.segmentCount
    programByteCount = end
  }

  /// The note in a segment of notes: where its header is.
  private static func find(
    _ segment: ElfSegment, _ prefix: RawSpan
  ) -> (offset: UInt64, address: UInt64)? {
    var offset = segment.offset
    let end = segment.offset + segment.fileByteCount
    let needed = noteHeaderByteCount + UInt64(CKPT_EXECUTABLE_BYTES)
    while offset + 12 <= min(end, UInt64(prefix.byteCount)) {
      let place = Int(offset)
      let owner = UInt64(prefix.loadUnaligned(at: place, as: UInt32.self))
      let byteCount = UInt64(prefix.loadUnaligned(at: place + 4, as: UInt32.self))
      let next = offset + 12 + (owner + 3) / 4 * 4 + (byteCount + 3) / 4 * 4
      if isOurs(place, owner, byteCount, prefix), offset + needed <= prefix.byteCount {
        return (offset, segment.address + (offset - segment.offset))
      }
      offset = next
    }
    return nil
  }

  private static func isOurs(
    _ place: Int, _ owner: UInt64, _ byteCount: UInt64, _ prefix: RawSpan
  ) -> Bool {
    guard owner == 5, byteCount == CKPT_EXECUTABLE_BYTES, place + 20 <= prefix.byteCount else {
      return false
    }
    return prefix.loadUnaligned(at: place + 8, as: UInt32.self) == CKPT_NT_EXECUTABLE
      && prefix.loadUnaligned(at: place + 12, as: UInt64.self) == ownerWord
  }

  /// "CKPT", filled up with zeros.
  private static let ownerWord: UInt64 = 0x5450_4b43
}
