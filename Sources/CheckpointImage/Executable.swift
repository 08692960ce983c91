internal import CImage
internal import KernelABI

/// A snapshot executable: the program `restart`, an image, and section headers for other tools.
///
///     restart, its note filled │ image │ pages wanted first │ names and section headers
///
/// Decides where everything is and what it says; others write and read.
public struct Executable: Equatable, Sendable, BitwiseCopyable {
  public let slot: ExecutableSlot
  public let flags: UInt32

  /// Which image it holds, as its CKPT_NT_IMAGE says.
  public let identityLow: UInt64
  public let identityHigh: UInt64

  /// Where the image starts, in bytes; a multiple of the page size.
  public let imageOffset: UInt64
  public let imageByteCount: UInt64

  /// Bytes of the image when it is compressed, 0: it is there as it is.
  public let unpackedByteCount: UInt64

  /// Bytes of the list of pages that are wanted first, 0: there is none.
  public let pagesByteCount: UInt64

  /// What `digest(ofHead:)` gave.
  public var headDigest: UInt64 = 0

  static let version: UInt32 = 1

  /// - Parameters:
  ///   - slot: of the program `restart` that it is made of.
  ///   - imageByteCount: of a whole image, or of what it is packed into; a multiple of 8.
  ///   - unpackedByteCount: of the whole image when it is packed, else 0.
  public init(
    of slot: ExecutableSlot, imageByteCount: UInt64, identityLow: UInt64, identityHigh: UInt64,
    unpackedByteCount: UInt64 = 0, pagesByteCount: UInt64 = 0,
    startsInSavedDirectory: Bool = false
  ) {
    self.slot = slot
    self.imageByteCount = imageByteCount
    self.identityLow = identityLow
    self.identityHigh = identityHigh
    self.pagesByteCount = pagesByteCount
    self.unpackedByteCount = unpackedByteCount
    flags =
      (startsInSavedDirectory ? CKPT_EXECUTABLE_SAVED_DIRECTORY : 0)
      | (unpackedByteCount > 0 ? CKPT_EXECUTABLE_PACKED : 0)
    imageOffset = roundedUpToPage(slot.programByteCount)
  }

  /// Reads the note.
  ///
  /// - Parameter prefix: the first `ExecutableSlot.prefixByteCount` bytes of the file.
  /// - Returns: `nil` for what is no snapshot executable, as plain `restart` isn't.
  /// - Throws: `.unsupportedExecutable`, `.badExecutable`.
  public init?(prefix: RawSpan) throws(ImageError) {
    guard let slot = ExecutableSlot(prefix: prefix) else { return nil }
    let record: ckpt_executable = prefix.loadUnaligned(at: Int(slot.noteOffset))
    guard record.magic == CKPT_EXECUTABLE_MAGIC else { return nil }
    let place = slot.noteOffset
    try require(
      record.version == Self.version, .unsupportedExecutable, at: place + 8,
      UInt64(record.version))
    try require(
      record.image_offset == roundedUpToPage(slot.programByteCount), .badExecutable, at: place + 32,
      record.image_offset)
    try require(
      record.image_bytes < 1 << 60 && record.image_bytes % 8 == 0 && record.image_bytes > 0,
      .badExecutable, at: place + 40, record.image_bytes)
    try require(
      record.pages_bytes == 0 || PageList.isPossible(byteCount: record.pages_bytes),
      .badExecutable, at: place + 56, record.pages_bytes)
    self.slot = slot
    flags = record.flags
    (identityLow, identityHigh) = (record.identity_low, record.identity_high)
    imageOffset = record.image_offset
    imageByteCount = record.image_bytes
    pagesByteCount = record.pages_bytes
    unpackedByteCount = record.unpacked_bytes
    headDigest = record.head_digest
    try require(
      record.pages_offset == pagesOffset, .badExecutable, at: place + 48, record.pages_offset)
    try require(
      flags & ~(CKPT_EXECUTABLE_SAVED_DIRECTORY | CKPT_EXECUTABLE_PACKED) == 0,
      .unsupportedExecutable, at: place + 12, UInt64(flags))
    try require(
      (unpackedByteCount > 0) == isPacked && unpackedByteCount < 1 << 60
        && unpackedByteCount % 8 == 0, .badExecutable, at: place + 64, unpackedByteCount)
  }

  public var startsInSavedDirectory: Bool { flags & CKPT_EXECUTABLE_SAVED_DIRECTORY != 0 }

  /// Whether the image is compressed: chunks, as `PackedChunk` reads them.
  public var isPacked: Bool { flags & CKPT_EXECUTABLE_PACKED != 0 }

  /// Where the list of pages starts, 0: there is none.
  public var pagesOffset: UInt64 { pagesByteCount == 0 ? 0 : imageOffset + imageByteCount }

  /// Where the names of the sections start: behind everything else, at a multiple of 8.
  public var namesOffset: UInt64 {
    imageOffset + imageByteCount + (pagesByteCount + 7) / 8 * 8
  }

  /// The size of the file.
  public var fileByteCount: UInt64 { namesOffset + endByteCount }

  /// What the note says.
  var record: ckpt_executable {
    ckpt_executable(
      magic: UInt64(CKPT_EXECUTABLE_MAGIC), version: Self.version, flags: flags,
      identity_low: identityLow, identity_high: identityHigh, image_offset: imageOffset,
      image_bytes: imageByteCount, pages_offset: pagesOffset, pages_bytes: pagesByteCount,
      unpacked_bytes: unpackedByteCount, head_digest: headDigest)
  }
}
