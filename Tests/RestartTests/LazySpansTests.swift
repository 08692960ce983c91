import Kernel
import KernelABI
import TestSupport
import Testing

@testable import Restart

/// Against a model: an array that says for each page which page of the image it lacks.
@Suite struct LazySpansTests {
  private static let pages = 400

  private func range(_ first: Int, _ count: Int) -> AddressRange {
    AddressRange(start: Address(UInt64(first) * 4096), byteCount: UInt64(count) * 4096) ?? .empty
  }

  private func span(_ first: Int, _ count: Int, file: Int) -> Span {
    Span(
      address: Address(UInt64(first) * 4096), byteCount: UInt64(count) * 4096,
      fileOffset: UInt64(file) * 4096, piece: UInt64(file), source: 0, link: 0, region: 0,
      isClean: false)
  }

  private func contents(_ spans: LazySpans) -> [UInt64?] {
    (0..<Self.pages).map { page in
      let address = Address(UInt64(page) * 4096)
      return spans.span(at: address).map {
        $0.from(address - $0.address).fileOffset / 4096
      }
    }
  }

  @Test(arguments: 0..<60)
  func followsTheProgram(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var arena = try Arena(mapping: 1 << 22)
    defer { try? Mapping.unmap(arena.range) }
    var table = try Table<Span>(in: &arena, capacity: 2000)
    var model = [UInt64?](repeating: nil, count: Self.pages)
    for (first, count) in [(10, 60), (70, 5), (80, 100), (300, 50)] {
      try table.append(span(first, count, file: first * 3))
      for page in 0..<count { model[first + page] = UInt64(first * 3 + page) }
    }
    var spans = LazySpans(table)
    for _ in 0..<40 {
      let count = Int.random(in: 1...40, using: &generator)
      let from = Int.random(in: 0...(Self.pages - count), using: &generator)
      if Bool.random(using: &generator) {
        try spans.remove(range(from, count))
        for page in from..<(from + count) { model[page] = nil }
      } else {
        let to = Int.random(in: 0...(Self.pages - count), using: &generator)
        // The kernel refuses to move memory onto itself.
        guard abs(to - from) >= count else { continue }
        try spans.move(range(from, count), to: Address(UInt64(to) * 4096))
        for page in 0..<count {
          model[to + page] = model[from + page]
          model[from + page] = nil
        }
      }
      #expect(contents(spans) == model)
    }
    let fresh = try Table<Span>(in: &arena, capacity: 2000)
    #expect(contents(try LazySpans(copying: spans, to: fresh)) == model)
    var found: Set<UInt64> = []
    while let next = spans.next() {
      let part = next.around(next.address)
      for page in 0..<part.range.byteCount / 4096 { found.insert(part.fileOffset / 4096 + page) }
      try spans.remove(part.range)
    }
    #expect(found == Set(model.compactMap { $0 }))
  }
}
