internal import CImage

/// The pages that a snapshot executable wants first: what the program touched until its first answer
/// when it was watched once.
///
///     digest of all behind it │ runs of pages, in address order
public enum PageList {
  /// Pages side by side that the program read, or wrote to.
  public struct Run: Equatable, Sendable, BitwiseCopyable {
    /// An address, at a page's start.
    public let start: UInt64
    public let pageCount: UInt32
    public let isWritten: Bool

    public init(start: UInt64, pageCount: UInt32, isWritten: Bool) {
      self.start = start
      self.pageCount = pageCount
      self.isWritten = isWritten
    }

    public var end: UInt64 { start + UInt64(pageCount) * pageByteCount }
  }

  /// Bytes of the digest, and of each run.
  public static let headByteCount = UInt64(MemoryLayout<ckpt_page_list>.size)
  public static let runByteCount = UInt64(MemoryLayout<ckpt_page_run>.size)

  /// No list is longer, in runs.
  public static let runLimit: UInt64 = 1 << 20

  private static let pageByteCount: UInt64 = 4096
  private static let addressLimit: UInt64 = 1 << 47

  /// Whether a list can have so many bytes.
  static func isPossible(byteCount: UInt64) -> Bool {
    byteCount > headByteCount && byteCount <= headByteCount + runLimit * runByteCount
      && (byteCount - headByteCount) % runByteCount == 0
  }

  /// One run of a checked list.
  ///
  /// - Parameter runs: bytes of the list from a run's start on.
  /// - Precondition: they have a run at `index`.
  public static func run(_ index: Int, in runs: RawSpan) -> Run {
    let record: ckpt_page_run = runs.loadUnaligned(at: index * Int(runByteCount))
    return Run(
      start: record.start, pageCount: record.pages,
      isWritten: record.flags & CKPT_PAGE_RUN_WRITTEN != 0)
  }

  /// Checks a list.
  ///
  /// - Parameter offset: where it is in the file, in bytes.
  /// - Throws: `.truncated`, `.damagedPageList`, `.badPageList`.
  static func check(_ bytes: RawSpan, at offset: UInt64) throws(ImageError) {
    let byteCount = UInt64(bytes.byteCount)
    try require(isPossible(byteCount: byteCount), .badPageList, at: offset, byteCount)
    let runs = bytes.extracting(Int(headByteCount)..<bytes.byteCount)
    let digest = XXH3.digest(runs)
    try require(
      digest == bytes.loadUnaligned(at: 0, as: UInt64.self), .damagedPageList, at: offset, digest)
    var end: UInt64 = 0
    for index in 0..<(runs.byteCount / Int(runByteCount)) {
      let place = offset + headByteCount + UInt64(index) * runByteCount
      let record: ckpt_page_run = runs.loadUnaligned(at: index * Int(runByteCount))
      try require(
        record.start % pageByteCount == 0 && record.start >= end && record.start < addressLimit,
        .badPageList, at: place, record.start)
      end = record.start + UInt64(record.pages) * pageByteCount
      try require(
        record.pages > 0 && end <= addressLimit, .badPageList, at: place + 8,
        UInt64(record.pages))
      try require(
        record.flags & ~UInt32(CKPT_PAGE_RUN_WRITTEN) == 0, .badPageList, at: place + 12,
        UInt64(record.flags))
    }
  }
}

extension Executable {
  /// Checks the list of pages that are wanted first.
  ///
  /// - Parameter bytes: the file from `pagesOffset` on, `pagesByteCount` of them; nothing where there
  ///   is no list.
  /// - Throws: `.truncated`, `.damagedPageList`, `.badPageList`.
  public func check(pages bytes: RawSpan) throws(ImageError) {
    let present = UInt64(bytes.byteCount)
    try require(present == pagesByteCount, .truncated, at: pagesOffset + present, pagesByteCount)
    guard pagesByteCount > 0 else { return }
    try PageList.check(bytes, at: pagesOffset)
  }
}
