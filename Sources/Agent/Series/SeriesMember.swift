internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// An image of the series, as far as it matters which of them stay.
struct SeriesMember: BitwiseCopyable {
  var counter: UInt32

  /// Nanoseconds since 1970.
  var realtime: UInt64
  var identity: Identity

  /// The image that this one is a change to; `Identity.none`: it stands alone.
  var parent: Identity

  /// Set for those that are to stay.
  var stays = false

  struct Identity: Equatable, BitwiseCopyable {
    var low: UInt64
    var high: UInt64
    static let none = Identity(low: 0, high: 0)
  }
}

/// Reads who an image is off its notes.
///
/// Nothing is believed that would matter: a file that isn't an image of ours has not our random number
/// of the series in it.
struct MemberReader {
  private let window: Address
  private var start: UInt64 = 0
  private var filled: UInt64 = 0

  /// Bytes read at a time: threads have notes of several KiB each, and come first.
  private static let windowByteCount: UInt64 = 64 << 10

  /// - Parameter scratch: 64 KiB stay taken for as long as this is used.
  init(in scratch: inout Arena) throws(Errno) {
    window = try scratch.reserve(Self.windowByteCount)
  }

  /// - Returns: `nil` when the file is no image of the series.
  mutating func read(_ file: borrowing FileDescriptor, series: UInt64) -> SeriesMember? {
    filled = 0
    guard let header: ckernel_elf64_ehdr = load(file, at: 0), header.ident_low == Self.magic,
      let notes: ckernel_elf64_phdr = load(file, at: header.phoff), notes.type == Self.noteSegment
    else { return nil }
    var offset = notes.offset
    let end = offset &+ notes.filesz
    while offset < end, let note: ckernel_elf64_nhdr = load(file, at: offset) {
      let name = offset + UInt64(MemoryLayout<ckernel_elf64_nhdr>.size)
      let bytes = name + roundedUpToWord(UInt64(note.namesz))
      if note.type == CKPT_NT_IMAGE {
        let table: ckpt_table? = load(file, at: bytes)
        guard table?.entry_bytes ?? 0 >= UInt32(MemoryLayout<ckpt_image>.size),
          let image: ckpt_image = load(file, at: bytes + 16), image.series == series
        else { return nil }
        return SeriesMember(
          counter: image.counter, realtime: image.realtime,
          identity: .init(low: image.identity_low, high: image.identity_high),
          parent: .init(low: image.parent_low, high: image.parent_high))
      }
      offset = bytes + roundedUpToWord(UInt64(note.descsz))
    }
    return nil
  }

  /// 64-bit, little-endian, version 1, System V.
  private static let magic: UInt64 = 0x0001_0102_464C_457F
  private static let noteSegment: UInt32 = 4

  private func roundedUpToWord(_ count: UInt64) -> UInt64 { (count + 3) & ~3 }

  private mutating func load<T: BitwiseCopyable>(
    _ file: borrowing FileDescriptor, at offset: UInt64
  ) -> T? {
    let size = UInt64(MemoryLayout<T>.size)
    // No file is that long.
    guard offset < 1 << 60 else { return nil }
    if offset < start || offset + size > start + filled {
      start = offset
      filled =
        (try? file.readFully(to: window, byteCount: Self.windowByteCount, at: offset)) ?? 0
    }
    guard offset + size <= start + filled else { return nil }
    // Not of type `T?`, which is longer.
    let record: T = Memory.load(at: window + (offset - start))
    return record
  }
}
