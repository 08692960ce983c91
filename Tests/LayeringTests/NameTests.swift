import Foundation
import TestSupport
import Testing

/// A type's name means one thing in the whole repository, so that a search finds that thing.
///
/// Types inside types are named with their owner (`Clone.Job`) and may repeat.
@Suite struct NameTests {
  @Test func aNameIsUsedOnce() throws {
    var places: [String: [String]] = [:]
    for (path, text) in try sources() {
      for name in Self.typeNames(in: text) { places[name, default: []].append(path) }
    }
    #expect(places.count > 500)
    for (name, paths) in places.sorted(by: { $0.key < $1.key }) where paths.count > 1 {
      #expect(Self.twice.contains(name), "\(name) is declared in \(paths.sorted())")
    }
  }

  @Test func aDeclarationIsFoundWhateverPrecedesIt() {
    let text = """
      public final class First {
      package struct Second<T>: ~Copyable {
        struct Inner {}
      private indirect enum `Third` {
      // struct Fourth
      extension Fifth {
      """
    #expect(Self.typeNames(in: text) == ["First", "Second", "Third"])
  }

  /// Names that still mean two things.
  private static let twice: Set<String> = []

  /// The types at the left edge of a file.
  private static func typeNames(in text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let declaration =
        /^(?:@\w+ )*(?:(?:public|package|private|fileprivate|internal|final|indirect) )*(?:struct|enum|class|actor|protocol) `?(\w+)/
      return try? declaration.firstMatch(in: line).map { String($0.1) }
    }
  }

  private func sources() throws -> [(path: String, text: String)] {
    let folder = Repository.root.appending(path: "Sources")
    let files = try #require(
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var found: [(String, String)] = []
    for case let file as URL in files where file.pathExtension == "swift" {
      found.append((file.path, try String(contentsOf: file, encoding: .utf8)))
    }
    return found
  }
}
