internal import CImage
public import KernelABI

/// One part of a compressed image in a snapshot executable: what its record says, checked.
public struct PackedChunk: Equatable, Sendable, BitwiseCopyable {
  /// Bytes that follow the record, before they are filled up to a multiple of 8.
  public let packedByteCount: Int

  /// Bytes of the image that they are.
  public let byteCount: Int
  private let digest: UInt64

  /// Bytes of the image that a chunk has at most.
  public static let byteLimit = Int(CKPT_PACKED_CHUNK_BYTES)

  /// Bytes of the record.
  public static let recordByteCount = 16

  /// Reads a record.
  ///
  /// - Parameters:
  ///   - record: its `recordByteCount` bytes.
  ///   - left: bytes of the packed image from the record on.
  ///   - unpackedLeft: bytes of the image that are still to come.
  /// - Throws: `.damagedPacking`.
  public init(
    record: RawSpan, left: UInt64, unpackedLeft: UInt64
  ) throws(ImageError) {
    try require(
      record.byteCount == Self.recordByteCount && left >= UInt64(Self.recordByteCount),
      .damagedPacking, at: 0, left)
    let words: ckpt_packed_chunk = record.loadUnaligned(at: 0)
    packedByteCount = Int(words.packed_bytes)
    byteCount = Int(words.bytes)
    digest = words.digest
    let expected = min(unpackedLeft, UInt64(Self.byteLimit))
    try require(
      UInt64(byteCount) == expected && byteCount > 0, .damagedPacking, at: 0, UInt64(byteCount))
    try require(
      packedByteCount > 0 && packedByteCount <= byteCount
        && UInt64(paddedByteCount) <= left - UInt64(Self.recordByteCount), .damagedPacking, at: 0,
      UInt64(packedByteCount))
  }

  /// Describes bytes that were packed.
  ///
  /// - Parameters:
  ///   - padded: what is to follow the record, filled up with zeros to a multiple of 8.
  ///   - packedByteCount: how many of them there were before.
  public init(of padded: RawSpan, packedByteCount: Int, byteCount: Int) {
    self.packedByteCount = packedByteCount
    self.byteCount = byteCount
    digest = Self.digest(padded, packedByteCount, byteCount)
  }

  /// Bytes that follow the record.
  public var paddedByteCount: Int { (packedByteCount + 7) / 8 * 8 }

  /// The first word of the record, and its digest.
  public var words: (UInt64, UInt64) { (Self.word(packedByteCount, byteCount), digest) }

  private static func word(_ packedByteCount: Int, _ byteCount: Int) -> UInt64 {
    UInt64(packedByteCount) | UInt64(byteCount) << 32
  }

  private static func digest(_ bytes: RawSpan, _ packed: Int, _ unpacked: Int) -> UInt64 {
    XXH3.digest(bytes) &+ prime64_1 &* word(packed, unpacked)
  }

  /// Brings back the bytes of the image.
  ///
  /// - Parameters:
  ///   - padded: what follows the record.
  ///   - output: room for `byteLimit` bytes.
  /// - Throws: `.damagedPacking`.
  public func unpack(_ padded: RawSpan, to output: Address) throws(ImageError) {
    let found = Self.digest(padded, packedByteCount, byteCount)
    try require(
      padded.byteCount == paddedByteCount && found == digest, .damagedPacking, at: 0, found)
    let made = LZ4Block.unpack(
      padded.extracting(0..<packedByteCount), isPacked: packedByteCount < byteCount, to: output,
      capacity: byteCount)
    try require(made == byteCount, .damagedPacking, at: 0, UInt64(max(0, made ?? 0)))
  }
}
