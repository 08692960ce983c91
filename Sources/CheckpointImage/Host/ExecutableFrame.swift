/// What is around the image in a snapshot executable.
public struct ExecutableFrame: Equatable, Sendable {
  public let executable: Executable

  /// From 0 to where the image starts.
  public let head: [UInt8]

  /// From `executable.namesOffset` to the end of the file.
  public let end: [UInt8]

  /// - Parameters:
  ///   - program: the program `restart`, or a snapshot executable's beginning.
  ///   - imageByteCount: of the image as it is in the file.
  ///   - unpackedByteCount: of the image when it is packed there, else 0.
  ///   - pages: the list of pages that are wanted first, to be written behind the image.
  /// - Returns: `nil` when it isn't one that can hold an image.
  public init?(
    program: [UInt8], imageByteCount: UInt64, identity: ImageIdentity,
    unpackedByteCount: UInt64 = 0, startsInSavedDirectory: Bool = false, pages: [UInt8] = []
  ) {
    guard let slot = program.withRawSpan({ ExecutableSlot(prefix: $0) }),
      slot.programByteCount <= UInt64(program.count)
    else { return nil }
    var executable = Executable(
      of: slot, imageByteCount: imageByteCount, identityLow: identity.low,
      identityHigh: identity.high, unpackedByteCount: unpackedByteCount,
      pagesByteCount: UInt64(pages.count),
      startsInSavedDirectory: startsInSavedDirectory)
    let kept = Int(slot.programByteCount)
    let padding = [UInt8](repeating: 0, count: Int(executable.imageOffset) - kept)
    var head = program[0..<kept] + padding
    Self.patch(&head, executable)
    executable.headDigest = Array(head).withRawSpan { executable.digest(ofHead: $0) }
    Self.patch(&head, executable)
    self.executable = executable
    self.head = Array(head)
    end = (0..<executable.endWordCount).flatMap { rawBytes(executable.endWord($0)) }
  }

  private static func patch(_ head: inout ArraySlice<UInt8>, _ executable: Executable) {
    for index in 0..<Executable.patchCount {
      let patch = executable.patch(index)
      let place = Int(patch.offset)
      head.replaceSubrange(place..<(place + 8), with: rawBytes(patch.value))
    }
  }
}

extension Executable {
  /// Whether a file that begins with these bytes says that it is a snapshot executable.
  public static func isOne(prefix: [UInt8]) -> Bool {
    prefix.withRawSpan { span in ((try? Executable(prefix: span)) ?? nil) != nil }
  }

  /// Whether an image is the one that this says it holds: it stands alone.
  public func holds(_ image: ImageHead) -> Bool {
    image.identity == ImageIdentity(low: identityLow, high: identityHigh) && image.parent == nil
  }

  /// Finds out whether a file is a snapshot executable, and checks all of it that isn't the image.
  ///
  /// - Returns: `nil` when it is none.
  /// - Throws: `ImageError`, or what the source throws.
  public static func find(in source: inout some ImageSource & ~Copyable) throws -> Executable? {
    let prefix = try source.read(at: 0, count: ExecutableSlot.prefixByteCount)
    let found = try prefix.withRawSpan { (span) throws(ImageError) in try Executable(prefix: span) }
    guard let found else { return nil }
    if let actual = source.byteCount {
      try require(
        actual >= found.fileByteCount, .truncated, at: actual, found.fileByteCount)
      try require(
        actual == found.fileByteCount, .wrongFileSize, at: found.fileByteCount, actual)
    }
    let head = try source.readAll(at: 0, count: Int(found.imageOffset))
    try head.withRawSpan { (span) throws(ImageError) in try found.check(head: span) }
    let pages = try source.readAll(at: found.pagesOffset, count: Int(found.pagesByteCount))
    try pages.withRawSpan { (span) throws(ImageError) in try found.check(pages: span) }
    let end = try source.readAll(at: found.namesOffset, count: Int(found.endByteCount))
    try end.withRawSpan { (span) throws(ImageError) in try found.check(end: span) }
    return found
  }
}
