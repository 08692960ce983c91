import Foundation
import Kernel
import KernelABI
import Testing

/// A ring in memory of its own.
private func makeRing() throws -> TraceRing {
  TraceRing(
    at: try Mapping.map(
      byteCount: TraceRing.byteCount, .read | .write, .private | .anonymous))
}

/// Its lines, without their times.
private func lines(of ring: TraceRing, from first: UInt64 = 0) -> [String] {
  var all: [String] = []
  TraceLine.each(of: ring, from: first) { (line) in
    line.withText { (address, count) in
      let bytes = Memory.bytes(at: address, count: count)
      all.append(String(decoding: (0..<count).map { bytes.byte(at: $0) }, as: UTF8.self))
    }
  }
  return all.map { $0.replacing(#/^[0-9]+\.[0-9]{6} /#, with: "") }
}

@Suite struct TraceRingTests {
  @Test func linesAreMadeWhenTheyAreRead() throws {
    let ring = try makeRing()
    ring.add("plain")
    ring.add("%u of %b, %x, %d", 7, 5000, 0xBEEF, (-2).traceBits)
    ring.add(
      "%b after %t: %e, %s", 9 << 20, 12_345_678, Errno.noSpace.traceBits,
      ("a word" as StaticString).traceBits)
    ring.add("100 % sure %", 1)
    #expect(
      lines(of: ring) == [
        "plain\n", "7 of 5000 bytes, 0xbeef, -2\n", "9216 KiB after 12.345 ms: ENOSPC, a word\n",
        "100 1sure %\n",
      ])
    #expect(lines(of: ring, from: 3).count == 1)
  }

  @Test func theTimesCountFromTheFirstLine() throws {
    let ring = try makeRing()
    ring.add("first")
    ring.add("second")
    var texts: [Int] = []
    TraceLine.each(of: ring, from: 1, zero: 0) { texts.append($0.count) }
    #expect(texts == ["0.000000 second\n".utf8.count])
  }

  @Test func aFullRingKeepsTheLastLines() throws {
    let ring = try makeRing()
    for number in 0..<UInt64(1000) { ring.add("line %u", number) }
    let all = lines(of: ring)
    #expect(all.first == "(\(1000 - TraceRing.capacity) lines are lost)\n")
    #expect(all.dropFirst().first == "line \(1000 - TraceRing.capacity)\n")
    #expect(all.last == "line 999\n" && all.count == Int(TraceRing.capacity) + 1)
  }

  @Test func aTornLineIsNotShown() throws {
    let range = try Mapping.map(
      byteCount: TraceRing.byteCount, .read | .write, .private | .anonymous)
    let ring = TraceRing(at: range)
    for number in 0..<UInt64(3) { ring.add("line %u", number) }
    for word in 0..<UInt64(8) {
      let place = range + 128 + word * 8
      let right: UInt64 = Memory.load(at: place)
      Memory.store(right ^ 0x10, at: place)
      #expect(lines(of: ring) == ["line 0\n", "(1 line is lost)\n", "line 2\n"])
      Memory.store(right, at: place)
    }
    #expect(lines(of: ring).count == 3)
  }

  @Test func manyThreadsNeverMakeALineOfTwo() async throws {
    // Made to be written by several threads at once.
    nonisolated(unsafe) let ring = try makeRing()
    await withTaskGroup(of: Void.self) { (group) in
      for writer in 0..<UInt64(4) {
        group.addTask {
          for number in 0..<UInt64(5000) {
            unsafe ring.add("%u %u %u", writer, number, writer &* 7 &+ number)
          }
        }
      }
      group.addTask {
        for _ in 0..<200 {
          for line in unsafe lines(of: ring, from: ring.count - min(ring.count, 100))
          where !line.hasPrefix("(") {
            let words = line.dropLast().split(separator: " ").compactMap { UInt64($0) }
            #expect(words.count == 3 && words[2] == words[0] * 7 + words[1])
          }
        }
      }
    }
    let count = unsafe ring.count
    #expect(count == 20_000)
  }

  @Test func whatIsTooLongIsCutAndEndsAsALine() throws {
    let ring = try makeRing()
    ring.add(
      "%s%s%s%s and a tail that is long enough: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
      long.traceBits, long.traceBits, long.traceBits, long.traceBits)
    let text = try #require(lines(of: ring).first)
    #expect(text.hasSuffix("\n"))
    #expect(text.utf8.count <= Line.capacity)
  }
}

private let long: StaticString =
  "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
