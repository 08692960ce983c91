/// Where the entries of one note lie.
public struct NoteLocation: Equatable, Sendable, BitwiseCopyable {
  /// Bytes from the start of the image to the first entry.
  public var offset: Int
  public var count: Int

  /// Bytes from one entry to the next, at least what the format's struct has.
  public var entryByteCount: Int

  public static let absent = NoteLocation(offset: 0, count: 0, entryByteCount: 0)

  public init(offset: Int, count: Int, entryByteCount: Int) {
    self.offset = offset
    self.count = count
    self.entryByteCount = entryByteCount
  }
}

/// Where everything is in the head of an image: the ELF header, program headers and notes.
///
/// Whoever holds one may rely on it: every offset, count and cross-reference was checked.
public struct ImageIndex: Sendable, BitwiseCopyable {
  public var image = NoteLocation.absent
  public var process = NoteLocation.absent
  public var machine = NoteLocation.absent
  public var agent = NoteLocation.absent
  public var strings = NoteLocation.absent
  public var details = NoteLocation.absent
  public var threads = NoteLocation.absent
  public var regions = NoteLocation.absent
  public var runs = NoteLocation.absent
  public var objects = NoteLocation.absent
  public var extents = NoteLocation.absent
  public var files = NoteLocation.absent
  public var descriptors = NoteLocation.absent
  public var signals = NoteLocation.absent
  public var pending = NoteLocation.absent
  public var timers = NoteLocation.absent
  public var limits = NoteLocation.absent
  public var xstate = NoteLocation.absent

  /// Absent when the image stands alone.
  public var parent = NoteLocation.absent

  /// Bytes from the start of the file to the end of the notes, in whole pages.
  public var headByteCount: UInt64 = 0

  /// Where the section with the digests starts: behind all data.
  public var digestsOffset: UInt64 = 0

  /// How many pieces there are: as many as digests.
  public var pieceCount: UInt64 = 0

  /// Where everything behind the data lies.
  public var end: ImageEnd { ImageEnd(digestsOffset: digestsOffset, pieceCount: pieceCount) }

  /// The bytes of the section with the digests.
  public var digestsByteCount: UInt64 { end.digestsByteCount }

  /// The size the file must have.
  public var fileByteCount: UInt64 { end.fileByteCount }
}
