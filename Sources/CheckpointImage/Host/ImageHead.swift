internal import CImage

/// The head of an image, read and checked.
public struct ImageHead: Sendable {
  let bytes: [UInt8]
  let index: ImageIndex

  /// - Throws: `ImageError`, or what the source throws.
  public init(from source: inout some ImageSource & ~Copyable) throws {
    let prefix = try source.read(at: 0, count: ImageIndex.prefixByteCount)
    let byteCount = try prefix.withRawSpan { (span) throws(ImageError) in
      try ImageIndex.headByteCount(prefix: span)
    }
    if let present = source.byteCount, present < byteCount {
      throw ImageError(.truncated, at: present, byteCount)
    }
    let bytes = try source.read(at: 0, count: Int(byteCount))
    let actual = source.byteCount
    index = try bytes.withRawSpan { (span) throws(ImageError) in
      try ImageIndex(head: span, fileByteCount: actual)
    }
    self.bytes = bytes
  }

  /// Which image it is.
  public var identity: ImageIdentity {
    let image: ckpt_image = entries(index.image)[0]
    return ImageIdentity(low: image.identity_low, high: image.identity_high)
  }

  /// `nil` when the image stands alone.
  public var parent: ImageParent? {
    entries(index.parent, ckpt_parent.self).first.map { parent in
      ImageParent(
        identity: ImageIdentity(low: parent.identity_low, high: parent.identity_high),
        name: text(parent.name), path: optionalText(parent.path), depth: parent.depth)
    }
  }

  /// Bytes of the whole image.
  public var fileByteCount: UInt64 { index.fileByteCount }

  /// The head as a core file of its own: its segments have addresses, and no bytes.
  public var coreWithoutData: [UInt8] {
    var core = bytes
    let count = bytes.withRawSpan { index.segmentCount($0) }
    for segment in 1..<max(1, Int(count)) {
      let start = Elf.headerByteCount + segment * Elf.segmentByteCount
      // p_offset and p_filesz.
      for field in [8, 32] {
        core.replaceSubrange(
          (start + field)..<(start + field + 8), with: repeatElement(0, count: 8))
      }
    }
    return core
  }

  /// All that has digests, in their order.
  var stretches: [Stretch] {
    bytes.withRawSpan { span in
      var cursor = StretchCursor(index, head: span)
      var stretches: [Stretch] = []
      while let stretch = cursor.next() { stretches.append(stretch) }
      return stretches
    }
  }

  /// All entries of a note.
  func entries<Record: BitwiseCopyable>(
    _ location: NoteLocation, _ type: Record.Type = Record.self
  ) -> [Record] {
    bytes.withRawSpan { span in
      let records = ImageRecords<Record>(location, in: span)
      return (0..<records.count).map { records[$0] }
    }
  }

  /// The text of a string; what isn't UTF-8 in it is replaced.
  func text(_ string: ckpt_string) -> String {
    String(decoding: slice(index.strings, string.offset, string.byte_count), as: UTF8.self)
  }

  /// The same, `nil` when it is absent.
  func optionalText(_ string: ckpt_string) -> String? {
    string.byte_count == 0 ? nil : text(string)
  }

  func detail(_ detail: ckpt_detail) -> ArraySlice<UInt8> {
    slice(index.details, detail.offset, detail.byte_count)
  }

  private func slice(
    _ location: NoteLocation, _ offset: UInt32, _ byteCount: UInt32
  ) -> ArraySlice<UInt8> {
    guard byteCount > 0 else { return [] }
    let start = location.offset + Int(offset)
    return bytes[start..<(start + Int(byteCount))]
  }
}
