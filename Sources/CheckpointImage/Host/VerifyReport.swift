internal import CImage

/// What a look at every byte of an image found.
public struct VerifyReport: Codable, Sendable {
  public struct Damage: Codable, Sendable, Equatable {
    /// Bytes of the image, or of a file that it refers to, whose digests differ.
    public var fileOffset: UInt64
    public var byteCount: UInt64

    /// Where they belong: "region 7f0000000000-7f0000001000 /lib/libc.so", "object 3 memfd:x";
    /// "file /lib/libc.so" when they are not in the image.
    public var owner: String
  }

  public var byteCount: UInt64 = 0

  /// Pages that have a digest, and how many of them differ from theirs.
  public var pieceCount = 0
  public var damagedPieceCount = 0
  public var damages: [Damage] = []

  public var isIntact: Bool { damages.isEmpty }
}

extension CheckpointImageFile {
  /// Reads bytes of a file that a program has mapped; zeros behind its end.
  public typealias FileReader = (_ path: String, _ offset: UInt64, _ count: Int) throws -> [UInt8]

  /// Reads an image once, and checks all of it.
  ///
  /// - Parameters:
  ///   - source: the image.
  ///   - files: reads the files that the image refers to; `nil`: they are not looked at.
  ///   - progress: hears how many bytes were looked at, now and then.
  /// - Returns: what is damaged in the data; nothing of it was used.
  /// - Throws: `ImageError` when the head, the digests or the sections are wrong, or what the
  ///   source throws.
  public static func verify(
    _ source: inout some ImageSource & ~Copyable, files: FileReader? = nil,
    progress: (UInt64) -> Void = { _ in }
  ) throws -> VerifyReport {
    let head = try ImageHead(from: &source)
    var digests = try DigestReader(head, &source)
    try digests.checkAll(&source)
    try source.checkEnd(of: head)
    var report = VerifyReport(byteCount: head.index.fileByteCount)
    var damages = DamageList(head)
    var done: UInt64 = 0
    for stretch in head.stretches {
      report.pieceCount += Int(stretch.pieceCount)
      if case .fileRun(let run) = stretch.owner {
        guard let files else { continue }
        try check(stretch, in: head.path(ofRun: run), files, &digests, &source, &damages)
      } else {
        try check(stretch, &digests, &source, &damages) { progress(done + $0) }
        try checkPadding(stretch, &source, &damages)
        done += stretch.byteCount
      }
    }
    report.damages = damages.all
    report.damagedPieceCount = damages.pieceCount
    return report
  }

  /// Bytes that are read at a time.
  private static let chunkByteCount: UInt64 = 1 << 20

  private static func check(
    _ stretch: Stretch, _ digests: inout DigestReader,
    _ source: inout some ImageSource & ~Copyable, _ damages: inout DamageList,
    _ progress: (UInt64) -> Void
  ) throws {
    var done: UInt64 = 0
    while done < stretch.byteCount {
      let count = min(chunkByteCount, stretch.byteCount - done)
      let bytes = try source.readAll(at: stretch.fileOffset + done, count: Int(count))
      let expected = try digests.read(
        stretch.firstPiece + done / Pieces.byteCount, Int(Pieces.count(of: count)), &source)
      damages.add(stretch, at: stretch.fileOffset + done, bytes, unlike: expected)
      done += count
      progress(done)
    }
  }

  /// Checks what is in a file; one that can't be read has none of it.
  private static func check(
    _ stretch: Stretch, in path: String, _ files: FileReader, _ digests: inout DigestReader,
    _ source: inout some ImageSource & ~Copyable, _ damages: inout DamageList
  ) throws {
    var done: UInt64 = 0
    while done < stretch.byteCount {
      let count = min(chunkByteCount, stretch.byteCount - done)
      let expected = try digests.read(
        stretch.firstPiece + done / Pieces.byteCount, Int(Pieces.count(of: count)), &source)
      let offset = stretch.fileOffset + done
      if let bytes = try? files(path, offset, Int(count)), bytes.count == Int(count) {
        damages.add(stretch, at: offset, bytes, unlike: expected, file: path)
      } else {
        for page in stride(from: 0, to: count, by: 4096) {
          damages.add(stretch, at: offset + page, 4096, file: path)
        }
      }
      done += count
    }
  }

  /// What fills the last page of an extent has no digest: it has to be zero.
  private static func checkPadding(
    _ stretch: Stretch, _ source: inout some ImageSource & ~Copyable, _ damages: inout DamageList
  ) throws {
    let end = stretch.fileOffset + stretch.byteCount
    guard end % 4096 != 0 else { return }
    let padding = try source.readAll(at: end, count: Int(4096 - end % 4096))
    guard padding.contains(where: { $0 != 0 }) else { return }
    damages.add(stretch, at: end, UInt64(padding.count))
  }
}

/// What is damaged, with names; neighbours are one.
private struct DamageList {
  private let names: DamageNames
  private(set) var all: [VerifyReport.Damage] = []
  private(set) var pieceCount = 0

  init(_ head: ImageHead) { names = DamageNames(head) }

  /// Adds the pages whose digests are others than expected.
  mutating func add(
    _ stretch: Stretch, at offset: UInt64, _ bytes: [UInt8], unlike expected: [UInt64],
    file: String? = nil
  ) {
    var next = 0
    while let page = bytes.firstPage(unlike: expected, from: next) {
      let start = UInt64(page) * Pieces.byteCount
      let count = min(Pieces.byteCount, UInt64(bytes.count) - start)
      add(stretch, at: offset + start, count, file: file)
      next = page + 1
    }
  }

  mutating func add(
    _ stretch: Stretch, at offset: UInt64, _ byteCount: UInt64, file: String? = nil
  ) {
    let owner = file.map { "file \($0)" } ?? names.name(of: stretch)
    if let last = all.last, last.owner == owner, last.fileOffset + last.byteCount == offset {
      all[all.count - 1].byteCount += byteCount
      // The rest of a page belongs to what was counted.
      if offset % Pieces.byteCount == 0 { pieceCount += 1 }
    } else {
      all.append(VerifyReport.Damage(fileOffset: offset, byteCount: byteCount, owner: owner))
      pieceCount += 1
    }
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

  func name(of stretch: Stretch) -> String {
    switch stretch.owner {
    case .run(let index), .fileRun(let index): regionName(index)
    case .extent(let index): objectName(index)
    }
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
