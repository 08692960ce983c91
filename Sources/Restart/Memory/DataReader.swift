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

  /// Start of the region that it is part of, for messages.
  var region: UInt64
}

/// Reads an image's data and checks it against its digests.
struct DataReader: BitwiseCopyable {
  let descriptor: Int32
  let digests: Records<UInt64>

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
        "cannot read the data of region", number: region, numberStyle: .hexadecimal
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
      throw RestartFailure(
        .damagedImage, "cannot restart: the image's data is damaged in region",
        why: "it does not match its digest", hint: "take another checkpoint; this one is lost",
        number: piece.region, numberStyle: .hexadecimal)
    }
  }

  static func truncated(_ region: UInt64) -> RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart: the image ends within the data of region",
      number: region, numberStyle: .hexadecimal)
  }
}

/// The pieces of a run or an extent, one after another.
struct DataPieces: BitwiseCopyable {
  private var rest: DataPiece

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
