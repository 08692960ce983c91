import CheckpointImage
import Foundation
import TestImages
import TestSupport
import Testing

@Suite struct XXH3Tests {
  /// Every length of the short forms, the borders of stripes and blocks, and some large ones.
  private static let lengths =
    Array(0...300) + [511, 512, 513, 1023, 1024, 1025, 1087, 1088, 1089]
    + [2047, 2048, 2049, 4096, 65535, 65536, 1 << 20, 1 << 20 + 1]

  @Test func givesTheNumbersOfXxhsum() throws {
    let folder = try TemporaryFolder()
    var random = SeededGenerator(seed: 3)
    var digests: [String: UInt64] = [:]
    for length in Self.lengths {
      let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      try Data(bytes).write(to: folder.url.appending(path: "\(length)"))
      digests["\(length)"] = digest(bytes)
    }
    let tool = try Tool("xxhsum", ["-q", "-H3"] + Self.lengths.map(String.init), in: folder.url)
    var seen = 0
    for line in tool.output.split(separator: "\n") {
      // "XXH3 (NAME) = 079364cbfdf9f4cb"
      let words = line.split(separator: " ")
      try #require(words.count == 4)
      let name = String(words[1].dropFirst().dropLast())
      #expect(digests[name] == UInt64(words[3], radix: 16), "length \(name)")
      seen += 1
    }
    #expect(seen == Self.lengths.count)
  }

  @Test(arguments: 0..<8)
  func doesNotDependOnAlignment(shift: Int) {
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let moved = [UInt8](repeating: 1, count: shift) + bytes
    let there = unsafe moved.withUnsafeBytes { unsafe XXH3.digest($0.bytes.extracting(shift...)) }
    #expect(there == digest(bytes))
  }
}
