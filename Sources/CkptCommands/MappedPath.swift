internal import ArgumentParser

/// `OLD=NEW` of `--map`: what was under one path is under another one where the program goes on.
struct MappedPath: Equatable, Sendable {
  /// As it was written: `restart` reads it again.
  let text: String

  /// - Throws: `ValidationError` for what `restart` would refuse there, when it is too late.
  init(parsing text: String) throws {
    let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, sides.allSatisfy({ $0.hasPrefix("/") }) else {
      throw ValidationError("--map takes OLD=NEW, two absolute paths, not \(text)")
    }
    self.text = text
  }
}
