import Kernel
import KernelABI
import Testing

@testable import Restart

/// Text that stays for the rest of the tests.
private func text(_ string: String) throws -> ByteString {
  let bytes = Array(string.utf8)
  let start = try Mapping.map(
    byteCount: roundedUpToPage(UInt64(bytes.count) + 1), .read | .write, .private | .anonymous)
  for (index, byte) in bytes.enumerated() { Memory.store(byte, at: start + UInt64(index)) }
  return ByteString(address: start, byteCount: bytes.count)
}

private func map(_ words: [String]) throws -> PathMap {
  var map = PathMap()
  for word in words { try map.add(try text(word)) }
  return map
}

/// What becomes of a path; `nil`: it stays.
private func mapped(_ path: String, by map: inout PathMap) throws -> String? {
  let path = try text(path)
  guard let rule = map.rule(for: path) else { return nil }
  let count = rule.byteCount(for: path)
  let place = try Mapping.map(byteCount: 65536, .read | .write, .private | .anonymous)
  rule.write(path, to: place)
  #expect(Memory.load(UInt8.self, at: place + UInt64(count)) == 0)
  return String(
    decoding: (0..<count).map { Memory.load(UInt8.self, at: place + UInt64($0)) }, as: UTF8.self)
}

@Suite struct PathMapTests {
  @Test(
    arguments: [
      ("/a=/b", "/a", "/b"), ("/a=/b", "/a/c", "/b/c"), ("/a=/b", "/ab", nil), ("/a=/b", "/", nil),
      ("/a=/b", "a/c", nil), ("/a=/b", "", nil), ("/a/=/b//", "/a/c", "/b/c"),
      ("/a=/b=c", "/a/d", "/b=c/d"), ("/a=/", "/a", "/"), ("/a=/", "/a/b", "/b"),
      ("/=/mnt", "/", "/mnt"), ("/=/mnt", "/a/b", "/mnt/a/b"), ("/=/", "/", "/"),
      ("/a/b=/c", "/a", nil),
      ("/a/b=/longer/than/it", "/a/b/c (deleted)", "/longer/than/it/c (deleted)"),
    ] as [(String, String, String?)])
  func wholeParts(word: String, path: String, wanted: String?) throws {
    var map = try map([word])
    #expect(try mapped(path, by: &map) == wanted)
    #expect(map.isUsed(0) == (wanted != nil))
  }

  @Test(arguments: [["/a=/1", "/a/b=/2", "/a/b/c=/3"], ["/a/b/c=/3", "/a=/1", "/a/b=/2"]])
  func theLongestWins(words: [String]) throws {
    var map = try map(words)
    #expect(try mapped("/a/x", by: &map) == "/1/x")
    #expect(try mapped("/a/bc", by: &map) == "/1/bc")
    #expect(try mapped("/a/b/x", by: &map) == "/2/x")
    #expect(try mapped("/a/b/c", by: &map) == "/3")
    #expect(try mapped("/x", by: &map) == nil)
  }

  /// What has been renamed is not renamed again.
  @Test func twoMayChangePlaces() throws {
    var map = try map(["/a=/b", "/b=/a"])
    #expect(try mapped("/a/x", by: &map) == "/b/x")
    #expect(try mapped("/b/x", by: &map) == "/a/x")
  }

  @Test func itIsKnownWhichWereForNothing() throws {
    var map = try map(["/a=/b", "/c=/d", "/a/e=/f"])
    _ = try mapped("/a/e/g", by: &map)
    #expect(!map.isUsed(0) && !map.isUsed(1) && map.isUsed(2))
  }

  @Test(arguments: ["", "=", "/a", "=/b", "a=/b", "/a=b", "/a=", "./a=/b"])
  func refusesWhatMakesNoSense(word: String) throws {
    let failure = #expect(throws: RestartFailure.self) { _ = try map([word]) }
    #expect(failure?.status == .usage)
  }

  @Test func refusesTwiceTheSameAndTooMany() throws {
    #expect(throws: RestartFailure.self) { _ = try map(["/a=/b", "/a/=/c"]) }
    let most = (0..<PathMap.capacity).map { "/\($0)=/x" }
    #expect(try map(most).count == PathMap.capacity)
    #expect(throws: RestartFailure.self) { _ = try map(most + ["/more=/x"]) }
  }
}
