import CheckpointImage
import TestImages
import TestSupport
import Testing

/// A snapshot executable with a list of pages, as bytes.
private func executable(_ pages: [UInt8]) throws -> [UInt8] {
  let image = TestImage.small().bytes()
  let frame = try #require(
    ExecutableFrame(
      program: TestProgram().bytes, imageByteCount: UInt64(image.count),
      identity: ImageIdentity(low: 1, high: 2), pages: pages))
  return frame.head + image + pages + frame.end
}

private func refusal(of bytes: [UInt8]) -> ImageError.Refusal? {
  var source = MemorySource(bytes)
  do {
    let found = try Executable.find(in: &source)
    return found == nil ? .notElf : nil
  } catch {
    return (error as? ImageError)?.refusal ?? .notElf
  }
}

private func words(_ value: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// A list that says anything, with the digest that belongs to it.
private func list(_ runs: [(start: UInt64, pages: UInt32, flags: UInt32)]) -> [UInt8] {
  let body = runs.flatMap { words($0.start) + words(UInt64($0.pages) | UInt64($0.flags) << 32) }
  return words(body.withRawBytes { XXH3.digest($0) }) + body
}

extension [UInt8] {
  fileprivate func withRawBytes<R>(_ body: (RawSpan) -> R) -> R {
    unsafe body(span.bytes)
  }
}

@Suite struct PageListTests {
  private static func runs(_ random: inout SeededGenerator) -> [PageList.Run] {
    var next = UInt64.random(in: 1...1000, using: &random)
    return (0..<Int.random(in: 1...200, using: &random)).map { _ in
      let count = UInt32.random(in: 1...5000, using: &random)
      let run = PageList.Run(
        start: next * 4096, pageCount: count, isWritten: .random(using: &random))
      next += UInt64(count) + .random(in: 0...100, using: &random)
      return run
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func whatIsWrittenIsReadAgain(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let runs = Self.runs(&random)
    let pages = PageList.bytes(runs)
    #expect(refusal(of: try executable(pages)) == nil)
    let again = (0..<runs.count).map { index in
      Array(pages.dropFirst(8)).withRawBytes { PageList.run(index, in: $0) }
    }
    #expect(again == runs)
    #expect(list(runs.map { ($0.start, $0.pageCount, $0.isWritten ? 1 : 0) }) == pages)
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func noChangedBitGoesUnseen(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let pages = PageList.bytes(Self.runs(&random))
    let whole = try executable(pages)
    let start = try #require(whole.firstRange(of: pages)).lowerBound
    for _ in 0..<50 {
      var bytes = whole
      bytes[start + .random(in: 0..<pages.count, using: &random)] ^=
        1 << UInt8.random(in: 0..<8, using: &random)
      #expect(refusal(of: bytes) == .damagedPageList)
    }
  }

  /// With the right digest, too.
  @Test func whatIsImpossibleIsRefused() throws {
    let top: UInt64 = 1 << 47
    let lists: [[(start: UInt64, pages: UInt32, flags: UInt32)]] = [
      [(0x1001, 1, 0)], [(0x1000, 0, 0)], [(0x1000, 1, 2)], [(0x2000, 1, 0), (0x1000, 1, 0)],
      [(0x1000, 2, 0), (0x2000, 1, 1)], [(top, 1, 0)], [(top - 4096, 2, 0)],
      [(UInt64.max - 4095, 1, 0)], [(0x1000, .max, 0), (0x2000, 1, 0)],
    ]
    for runs in lists { #expect(refusal(of: try executable(list(runs))) == .badPageList) }
    #expect(refusal(of: try executable(list([(top - 4096, 1, 1)]))) == nil)
  }

  @Test func aListOfAnImpossibleSizeIsRefused() throws {
    for count in [8, 16, 32, 48] {
      let pages = [UInt8](repeating: 0, count: count)
      #expect(refusal(of: try executable(pages)) == .badExecutable, "\(count) bytes")
    }
  }

  @Test func neighboursAreJoined() {
    let run = { PageList.Run(start: $0 * 4096, pageCount: $1, isWritten: $2) }
    let record = list([(4096, 2, 0), (3 * 4096, 1, 0), (4 * 4096, 1, 1), (6 * 4096, 1, 1)])
    #expect(
      PageList.joined(Array(record.dropFirst(8))) == [
        run(1, 3, false), run(4, 1, true), run(6, 1, true),
      ])
    #expect(PageList.joined([1, 2, 3]) == nil)
    #expect(PageList.joined([]) == [])
    #expect(PageList.bytes([]) == [])
  }
}
