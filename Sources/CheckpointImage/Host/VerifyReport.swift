internal import CImage

/// What a look at every byte of an image found.
public struct VerifyReport: Codable, Sendable {
  public struct Damage: Codable, Sendable, Equatable {
    /// Bytes of the file whose digest differs.
    public var fileOffset: UInt64
    public var byteCount: UInt64

    /// Where they belong: "region 7f0000000000-7f0000001000 /lib/libc.so", "object 3 memfd:x".
    public var owner: String
  }

  public var byteCount: UInt64 = 0
  public var pieceCount = 0
  public var damages: [Damage] = []

  public var isIntact: Bool { damages.isEmpty }
}

extension CheckpointImageFile {
  /// Reads an image once, and checks all of it.
  ///
  /// - Parameters:
  ///   - source: the image.
  ///   - progress: hears how many bytes were looked at, now and then.
  /// - Returns: what is damaged in the data; nothing of it was used.
  /// - Throws: `ImageError` when the head, the digests or the sections are wrong, or what the
  ///   source throws.
  public static func verify(
    _ source: inout some ImageSource & ~Copyable, progress: (UInt64) -> Void = { _ in }
  ) throws -> VerifyReport {
    let head = try ImageHead(from: &source)
    let digests = try checkedDigests(head, &source)
    try checkEnd(head, &source)
    let names = DamageNames(head)
    var report = VerifyReport(byteCount: head.index.fileByteCount)
    for piece in pieces(head) {
      let bytes = try source.read(at: piece.fileOffset, count: Int(piece.byteCount))
      guard bytes.count == Int(piece.byteCount) else {
        throw ImageError(
          .truncated, at: piece.fileOffset + UInt64(bytes.count), head.index.fileByteCount)
      }
      if bytes.withRawSpan({ XXH3.digest($0) }) != digests[piece.index] {
        report.damages.append(names.damage(piece))
      }
      if let offset = try damagedPadding(piece, &source) {
        report.damages.append(names.damage(piece, paddingAt: offset))
      }
      report.pieceCount += 1
      progress(piece.fileOffset + piece.byteCount)
    }
    return report
  }

  private static func checkedDigests(
    _ head: ImageHead, _ source: inout some ImageSource & ~Copyable
  ) throws -> [UInt64] {
    let section = try source.read(
      at: head.index.digestsOffset, count: Int(head.index.digestsByteCount))
    return try section.withRawSpan { (section) throws(ImageError) in
      try head.bytes.withRawSpan { (bytes) throws(ImageError) in
        let digests = try ImageDigests(section: section, head: bytes, index: head.index)
        return (0..<digests.count).map { digests[$0] }
      }
    }
  }

  private static func checkEnd(_ head: ImageHead, _ source: inout some ImageSource & ~Copyable)
    throws
  {
    let end = head.index.end
    let bytes = try source.read(
      at: end.namesOffset, count: Int(end.fileByteCount - end.namesOffset))
    let segmentCount = head.bytes.withRawSpan { head.index.segmentCount($0) }
    try bytes.withRawSpan { (span) throws(ImageError) in
      try end.check(span, segmentCount: segmentCount)
    }
  }

  private static func pieces(_ head: ImageHead) -> [Piece] {
    head.bytes.withRawSpan { span in
      var cursor = PieceCursor(head.index, head: span)
      var pieces: [Piece] = []
      while let piece = cursor.next() { pieces.append(piece) }
      return pieces
    }
  }

  /// What fills the last page of an extent has no digest: it has to be zero.
  private static func damagedPadding(
    _ piece: Piece, _ source: inout some ImageSource & ~Copyable
  ) throws -> UInt64? {
    let end = piece.fileOffset + piece.byteCount
    guard end % 4096 != 0 else { return nil }
    let padding = try source.read(at: end, count: Int(4096 - end % 4096))
    return padding.contains { $0 != 0 } ? end : nil
  }
}

/// Finds the names of what is damaged.
private struct DamageNames {
  private let head: ImageHead
  private let runs: [ckpt_run]
  private let regions: [ckpt_region]
  private let objects: [ckpt_object]

  init(_ head: ImageHead) {
    self.head = head
    runs = head.entries(head.index.runs)
    regions = head.entries(head.index.regions)
    objects = head.entries(head.index.objects)
  }

  func damage(_ piece: Piece) -> VerifyReport.Damage {
    let owner =
      switch piece.owner {
      case .run(let index): regionName(index)
      case .extent(let index): objectName(index)
      }
    return VerifyReport.Damage(
      fileOffset: piece.fileOffset, byteCount: piece.byteCount, owner: owner)
  }

  /// The same for the rest of a piece's last page.
  func damage(_ piece: Piece, paddingAt offset: UInt64) -> VerifyReport.Damage {
    var damage = damage(piece)
    (damage.fileOffset, damage.byteCount) = (offset, 4096 - offset % 4096)
    return damage
  }

  private func regionName(_ run: Int) -> String {
    let region = regions[Int(runs[run].region)]
    let range = String(region.start, radix: 16) + "-" + String(region.end, radix: 16)
    return (["region", range] + [head.optionalText(region.path)].compactMap(\.self))
      .joined(separator: " ")
  }

  private func objectName(_ extent: Int) -> String {
    let owner = objects.firstIndex {
      extent >= Int($0.first_extent) && extent < Int($0.first_extent + $0.extent_count)
    }
    guard let owner else { return "object" }
    let name = head.optionalText(objects[owner].name)
    return (["object", "\(owner)"] + [name].compactMap(\.self)).joined(separator: " ")
  }
}
