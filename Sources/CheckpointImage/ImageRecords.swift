/// The entries of one note, copied out one by one.
///
/// An entry in the file may be longer than `Record`: the rest is from a newer writer.
public struct ImageRecords<Record: BitwiseCopyable>: ~Escapable {
  private let head: RawSpan
  private let location: NoteLocation

  /// - Precondition: `location` is from an `ImageIndex` of `head`, and of the note of `Record`.
  @_lifetime(copy head)
  init(_ location: NoteLocation, in head: RawSpan) {
    self.head = head
    self.location = location
  }

  public var count: Int { location.count }

  /// - Precondition: `index` lies in `0..<count`.
  public subscript(index: Int) -> Record {
    precondition(index >= 0 && index < location.count)
    return head.loadUnaligned(at: location.offset + index * location.entryByteCount)
  }

  /// Bytes from the start of the image to an entry.
  func offset(of index: Int) -> UInt64 {
    UInt64(location.offset + index * location.entryByteCount)
  }
}
