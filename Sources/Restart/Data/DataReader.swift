internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A part of the data, and where it belongs.
///
/// It begins where a page of its run or extent does, so it has digests of its own.
struct DataPiece: BitwiseCopyable {
  /// Where its bytes go.
  var address: Address
  var byteCount: UInt64

  /// Bytes from the start of its source.
  var fileOffset: UInt64

  /// Of its first digest.
  var index: UInt64

  /// Index of the source that its bytes are in, and of the image that has its digests.
  var source: UInt32 = 0
  var link: UInt32 = 0

  /// Start of the region that it is part of, for messages; 0: it is part of an object.
  var region: UInt64
}

/// Reads data and checks it against its digests.
struct DataReader: BitwiseCopyable {
  let sources: Table<Source>
  private let cache: DigestCache

  /// Where digests are noted, by piece, instead of being checked; zero: they are checked.
  var notes = Address.zero

  /// The program has run: what is wrong now ends it.
  var isLate = false

  /// Bytes that are read and checked at a time: they are still in the processor's cache then.
  private static let chunkByteCount: UInt64 = 256 << 10

  /// - Parameter cache: `DigestCache.byteCount` bytes that nobody else uses, zero at first.
  init(_ sources: Table<Source>, cache: Address) {
    self.sources = sources
    self.cache = DigestCache(at: cache)
  }

  /// Reads a piece to its address and checks it.
  func read(_ piece: DataPiece) throws(RestartFailure) {
    var rest = piece
    while rest.byteCount > 0 {
      var part = rest
      part.byteCount = min(rest.byteCount, Self.chunkByteCount)
      try read(
        to: part.address, byteCount: part.byteCount, source: part.source, at: part.fileOffset,
        region: part.region)
      try check(part)
      rest.address = rest.address + part.byteCount
      rest.fileOffset += part.byteCount
      rest.byteCount -= part.byteCount
      rest.index += part.byteCount / Pieces.byteCount
    }
  }

  /// Reads without checking.
  ///
  /// Where a file ends before its last page does, there are zeros, as in a mapping of it.
  func read(
    to address: Address, byteCount: UInt64, source index: UInt32, at offset: UInt64, region: UInt64
  ) throws(RestartFailure) {
    let source = sources[Int(index)]
    var done: UInt64 = 0
    while done < byteCount {
      let count: UInt64
      do throws(Errno) {
        count = try Files.readOnce(
          source.descriptor, to: address + done, byteCount: byteCount - done,
          at: source.start + offset + done)
      } catch {
        throw unreadable(index, region, error)
      }
      if count == 0 {
        guard source.isFile else { throw damage(index, region, why: "the file ends too early") }
        return Memory.zero(
          AddressRange(start: address + done, byteCount: byteCount - done) ?? .empty)
      }
      done += count
    }
  }

  /// Checks each page of a piece that lies at its address.
  func check(_ piece: DataPiece) throws(RestartFailure) {
    if notes != .zero { return note(piece) }
    guard !sources[Int(piece.link)].isVerified else { return }
    var done: UInt64 = 0
    while done < piece.byteCount {
      let digests = try cache.digests(
        from: piece.index + done / Pieces.byteCount, link: piece.link, self, region: piece.region)
      var index = 0
      while done < piece.byteCount, index < digests.count {
        let count = min(Pieces.byteCount, piece.byteCount - done)
        let bytes = Memory.bytes(at: piece.address + done, count: Int(count))
        guard XXH3.digest(bytes) == digests[index] else {
          throw damage(piece.source, piece.region, why: "its data does not match its digest")
        }
        done += count
        index += 1
      }
    }
  }
}

extension DataReader {
  /// Notes the digest of each page of a piece: those it is to be compared with come later.
  private func note(_ piece: DataPiece) {
    var done: UInt64 = 0
    var index = piece.index
    while done < piece.byteCount {
      let count = min(Pieces.byteCount, piece.byteCount - done)
      let bytes = Memory.bytes(at: piece.address + done, count: Int(count))
      Memory.store(XXH3.digest(bytes), at: notes + index * 8)
      done += count
      index += 1
    }
  }

  private func unreadable(_ index: UInt32, _ region: UInt64, _ error: Errno) -> RestartFailure {
    let source = sources[Int(index)]
    let isNamed = sources.count > 1
    let late: StaticString = "the program had to be ended: cannot read the data of region"
    return RestartFailure(
      .failed,
      isLate
        ? late : region == 0 ? "cannot read the image" : "cannot read the data of region",
      errno: error, number: region, numberStyle: region == 0 ? .hidden : .hexadecimal,
      name: source.name, nameByteCount: isNamed ? source.nameByteCount : 0)
  }

  /// What to say of bytes that are not what they were.
  ///
  /// In a chain that names the image.
  func damage(_ index: UInt32, _ region: UInt64, why: StaticString) -> RestartFailure {
    let source = sources[Int(index)]
    if source.isFile { return changed(source) }
    let isNamed = sources.count > 1
    let what: StaticString =
      if isLate {
        "the program had to be ended: the image is damaged in the data of region"
      } else if region == 0 {
        "cannot restart: the image is damaged"
      } else {
        "cannot restart: the image is damaged in the data of region"
      }
    return RestartFailure(
      .damagedImage, what, why: why, hint: "`ckpt verify` tells more; take an earlier checkpoint",
      number: region, numberStyle: region == 0 ? .hidden : .hexadecimal,
      name: source.name, nameByteCount: isNamed ? source.nameByteCount : 0)
  }

  private func changed(_ source: Source) -> RestartFailure {
    RestartFailure(
      .damagedImage,
      isLate
        ? "the program had to be ended: a file that it had mapped is"
        : "cannot restart: the image needs a file as it was, which is",
      why: "it has changed since the checkpoint",
      hint: "put the old one back; checkpoints without --thin don't need it",
      name: source.name, nameByteCount: source.nameByteCount)
  }
}

/// The pieces of an extent, one after another.
struct DataPieces: BitwiseCopyable {
  /// Bytes that are read at a time.
  static let byteCountLimit: UInt64 = 1 << 20

  private var rest: DataPiece

  /// The pieces of an extent, at `address` and behind it.
  init(ofExtent index: Int, in image: LoadedImage, at address: Address) {
    let extent = image.extents[index]
    self.init(
      DataPiece(
        address: address, byteCount: extent.byte_count, fileOffset: extent.file_offset,
        index: image.firstPiece(ofExtent: index), region: 0))
  }

  init(_ all: DataPiece) { rest = all }

  mutating func next() -> DataPiece? {
    guard rest.byteCount > 0 else { return nil }
    var piece = rest
    piece.byteCount = min(rest.byteCount, Self.byteCountLimit)
    rest.address = rest.address + piece.byteCount
    rest.fileOffset += piece.byteCount
    rest.byteCount -= piece.byteCount
    rest.index += Pieces.count(of: piece.byteCount)
    return piece
  }
}

extension LoadedImage {
  /// Which digest is the first one of an extent's data: pieces of extents come last.
  func firstPiece(ofExtent index: Int) -> UInt64 {
    var count = self.index.pieceCount
    for later in index..<extents.count { count &-= Pieces.count(of: extents[later].byte_count) }
    return count
  }
}
