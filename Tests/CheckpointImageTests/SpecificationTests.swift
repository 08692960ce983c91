import Foundation
import TestSupport
import Testing

/// docs/IMAGE.md, held against the header that it describes.
@Suite struct SpecificationTests {
  /// The header without its comments.
  private static func header() throws -> String {
    try Repository.text("Sources/CImage/ckpt_image.h").split(separator: "\n")
      .map { $0.prefix(upTo: $0.range(of: "//")?.lowerBound ?? $0.endIndex) }
      .joined(separator: "\n")
  }

  @Test func namesEveryConstantAndRecord() throws {
    let page = try Repository.text("docs/IMAGE.md")
    let header = try Self.header()
    let unnamed: Set<Substring> = ["CKPT_SIZE_IS"]
    let names = Set(header.matches(of: /\b(?:CKPT_[A-Z0-9_]+|ckpt_[a-z_]+)\b/).map(\.output))
    #expect(names.count > 100)
    for name in names.subtracting(unnamed).sorted() {
      #expect(page.contains("`\(name)`"), "\(name) is not in docs/IMAGE.md")
    }
  }

  @Test func namesEveryField() throws {
    let page = try Repository.text("docs/IMAGE.md")
    let field = /\b(?:u?int(?:32|64)_t|struct \w+) (\w+(?:\[\d+\])?(?:, \w+(?:\[\d+\])?)*);/
    var count = 0
    for match in try Self.header().matches(of: field) {
      for name in match.output.1.split(separator: ", ") {
        let plain = name.prefix { $0 != "[" }
        #expect(page.contains("`\(plain)`"), "field \(plain) is not in docs/IMAGE.md")
        count += 1
      }
    }
    #expect(count > 150)
  }
}
