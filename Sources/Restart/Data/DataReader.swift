internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A part of an image's data, and where it belongs.
///
/// It begins where a page of its run or extent does, so it has digests of its own.
struct DataPiece: BitwiseCopyable {
  /// Where its bytes go.
  var address: Address
  var byteCount: UInt64

  /// Bytes from the start of the image.
  var fileOffset: UInt64

  /// Of its first digest.
  var index: UInt32

  /// Start of the region that it is part of, for messages; 0: it is part of an object.
  var region: UInt64
}

/// Reads an image's data and checks it against its digests.
struct DataReader: BitwiseCopyable {
  private let descriptor: Int32
  private let digests: Records<UInt64>

  init(_ image: LoadedImage) {
    descriptor = image.descriptor
    digests = image.digests
  }

  /// Reads one piece to its address and checks it.
  func read(_ piece: DataPiece) throws(RestartFailure) {
    try read(
      to: piece.address, byteCount: piece.byteCount, at: piece.fileOffset, region: piece.region)
    try check(piece)
  }

  /// Reads without checking.
  func read(
    to address: Address, byteCount: UInt64, at offset: UInt64, region: UInt64
  ) throws(RestartFailure) {
    var done: UInt64 = 0
    while done < byteCount {
      let count = try during(
        region == 0 ? "cannot read the image" : "cannot read the data of region", number: region,
        numberStyle: region == 0 ? .hidden : .hexadecimal
      ) { () throws(Errno) in
        try retryingInterrupts { () throws(Errno) in
          try systemCall(
            SyscallNumber.pread, Int(descriptor), (address + done).argument,
            Int(byteCount - done), Int(bitPattern: UInt(offset + done)))
        }
      }
      guard count > 0 else { throw Self.truncated(region) }
      done += UInt64(count)
    }
  }

  /// Checks each page of a piece that lies at its address.
  func check(_ piece: DataPiece) throws(RestartFailure) {
    var done: UInt64 = 0
    var index = Int(piece.index)
    while done < piece.byteCount {
      let count = min(Pieces.byteCount, piece.byteCount - done)
      let bytes = Memory.bytes(at: piece.address + done, count: Int(count))
      guard index < digests.count, XXH3.digest(bytes) == digests[index] else {
        throw Self.damage(piece.region, why: "its data does not match its digest")
      }
      done += count
      index += 1
    }
  }

  private static func truncated(_ region: UInt64) -> RestartFailure {
    damage(region, why: "the file ends too early")
  }

  private static func damage(_ region: UInt64, why: StaticString) -> RestartFailure {
    RestartFailure(
      .damagedImage,
      region == 0
        ? "cannot restart: the image is damaged"
        : "cannot restart: the image is damaged in the data of region",
      why: why, hint: "`ckpt verify` tells more; take an earlier checkpoint", number: region,
      numberStyle: region == 0 ? .hidden : .hexadecimal)
  }
}

/// The pieces of a run or an extent, one after another.
struct DataPieces: BitwiseCopyable {
  /// Bytes that are read at a time.
  static let byteCountLimit: UInt64 = 1 << 20

  private var rest: DataPiece

  /// The pieces of an extent, at `address` and behind it.
  init(ofExtent index: Int, in image: LoadedImage, at address: Address) {
    let extent = image.extents[index]
    self.init(
      at: address, byteCount: extent.byte_count, fileOffset: extent.file_offset,
      firstIndex: image.firstPiece(ofExtent: index), region: 0)
  }

  init(
    at address: Address, byteCount: UInt64, fileOffset: UInt64, firstIndex: UInt32, region: UInt64
  ) {
    rest = DataPiece(
      address: address, byteCount: byteCount, fileOffset: fileOffset, index: firstIndex,
      region: region)
  }

  /// The next piece, if it ends at or before an address.
  mutating func next(before end: Address) -> DataPiece? {
    guard rest.address + min(rest.byteCount, Self.byteCountLimit) <= end else { return nil }
    return next()
  }

  mutating func next() -> DataPiece? {
    guard rest.byteCount > 0 else { return nil }
    var piece = rest
    piece.byteCount = min(rest.byteCount, Self.byteCountLimit)
    rest.address = rest.address + piece.byteCount
    rest.fileOffset += piece.byteCount
    rest.byteCount -= piece.byteCount
    rest.index &+= UInt32(truncatingIfNeeded: Pieces.count(of: piece.byteCount))
    return piece
  }
}

extension LoadedImage {
  /// Which digest is the first one of an extent's data: pieces of extents come last.
  func firstPiece(ofExtent index: Int) -> UInt32 {
    var count = UInt64(digests.count)
    for later in index..<extents.count { count &-= Pieces.count(of: extents[later].byte_count) }
    return UInt32(truncatingIfNeeded: count)
  }
}
