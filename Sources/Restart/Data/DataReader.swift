internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A part of an image's data that has a digest of its own, and where it belongs.
struct DataPiece: BitwiseCopyable {
  /// Where its bytes go.
  var address: Address
  var byteCount: UInt64

  /// Bytes from the start of the image.
  var fileOffset: UInt64
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

  /// Checks a piece that lies at its address.
  func check(_ piece: DataPiece) throws(RestartFailure) {
    let bytes = Memory.bytes(at: piece.address, count: Int(piece.byteCount))
    guard Int(piece.index) < digests.count, XXH3.digest(bytes) == digests[Int(piece.index)] else {
      throw Self.damage(piece.region, why: "its data does not match its digest")
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
    guard rest.address + min(rest.byteCount, Pieces.byteCountLimit) <= end else { return nil }
    return next()
  }

  mutating func next() -> DataPiece? {
    guard rest.byteCount > 0 else { return nil }
    var piece = rest
    piece.byteCount = min(rest.byteCount, Pieces.byteCountLimit)
    rest.address = rest.address + piece.byteCount
    rest.fileOffset += piece.byteCount
    rest.byteCount -= piece.byteCount
    rest.index += 1
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
