import CImage
import CheckpointImage
import TestImages
import TestSupport
import Testing

/// Whatever the bytes are: a refusal, never a trap.
@Suite struct HostileImageTests {
  private static let whole = TestImage.small().bytes()
  private static let head = TestImage.small().headBytes()

  @Test func refusesEveryTruncationOfTheHead() {
    for count in 0..<Self.head.count {
      #expect(refusal(of: Array(Self.head[..<count])) != nil, "\(count) bytes")
    }
  }

  @Test func refusesEveryTruncationOfTheFile() {
    let size = UInt64(Self.whole.count)
    for missing in [1, 2, 191, 192, 193, 224, 300, 4096, 1 << 20] as [UInt64] {
      let found = refusal(of: Self.head, fileByteCount: size - missing)
      #expect(found?.refusal == .truncated)
    }
  }

  /// A flipped bit is refused by a check, or by the digest of the head.
  @Test(arguments: 0..<16)
  func noFlippedBitOfTheHeadGoesUnseen(part: Int) throws {
    let size = UInt64(Self.whole.count)
    let section = Array(Self.whole.suffix(from: try Self.digestsOffset()))
    var random = SeededGenerator(seed: UInt64(part))
    for offset in stride(from: part, to: Self.head.count, by: 16) {
      var bytes = Self.head
      bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      guard let found = try? index(of: bytes, fileByteCount: size) else { continue }
      let refused = digestRefusal(section, bytes, found)
      #expect(refused != nil, "offset \(offset)")
    }
  }

  /// Each aligned word of the head, at each extreme.
  @Test(arguments: [0, 1, 0x7fff_ffff, 0x8000_0000, UInt64(UInt32.max), 1 << 63, .max - 4095, .max])
  func survivesExtremes(value: UInt64) {
    for offset in stride(from: 0, to: Self.head.count - 8, by: 4) {
      for width in [4, 8] {
        var bytes = Self.head
        for index in 0..<width {
          bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
        read(bytes)
      }
    }
  }

  @Test(arguments: 0..<64 as Range<UInt64>)
  func survivesAnyBytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var bytes = (0..<Int.random(in: 0...9000, using: &random)).map { _ in
      UInt8.random(in: .min ... .max, using: &random)
    }
    read(bytes)
    // With a right beginning, so that more of it is looked at.
    let count = min(bytes.count, Int.random(in: 0...Self.head.count, using: &random))
    bytes.replaceSubrange(..<count, with: Self.head[..<count])
    read(bytes)
  }

  @Test(arguments: 0..<64 as Range<UInt64>)
  func survivesManyWrongBytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      var bytes = Self.head
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] =
          UInt8.random(in: .min ... .max, using: &random)
      }
      read(bytes)
    }
  }

  /// Reads an image as the command would.
  private func read(_ bytes: [UInt8]) {
    var source = MemorySource(bytes + Self.whole.suffix(from: min(bytes.count, Self.whole.count)))
    _ = try? CheckpointImageFile(from: &source)
  }

  private static func digestsOffset() throws -> Int {
    Int(try index(of: head).digestsOffset)
  }
}

/// What the digests say against a head.
func digestRefusal(_ section: [UInt8], _ head: [UInt8], _ index: ImageIndex) -> ImageError? {
  do throws(ImageError) {
    try section.withSpan { (section) throws(ImageError) in
      try head.withSpan { (head) throws(ImageError) in
        let table = min(section.byteCount, Int(index.end.tableByteCount))
        let digests = try ImageDigests(
          table: section.extracting(..<table), head: head, index: index)
        let end = min(section.byteCount, Int(index.digestsByteCount))
        try digests.checkAll(section.extracting(table..<end))
      }
    }
    return nil
  } catch {
    return error
  }
}
