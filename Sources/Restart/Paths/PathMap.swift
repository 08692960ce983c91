internal import Kernel
internal import KernelABI

/// All paths that differ on this machine.
struct PathMap: BitwiseCopyable {
  static let capacity = 64
  private var rules = InlineArray<64, PathRule>(repeating: PathRule())
  private(set) var count = 0

  /// By rule: the bit that says that something was found under it.
  private var used: UInt64 = 0

  var isEmpty: Bool { count == 0 }

  /// - Parameter word: what follows `--map`.
  /// - Throws: a failure of status `.usage`.
  mutating func add(_ word: ByteString) throws(RestartFailure) {
    let rule = try PathRule(parsing: word)
    for index in 0..<count where rules[index].old == rule.old {
      throw PathRule.usage(word, why: "OLD was given already")
    }
    guard count < Self.capacity else {
      throw PathRule.usage(word, why: "64 paths are the most")
    }
    rules[count] = rule
    count += 1
  }

  /// The rule for a path: of those that cover it the one that says most of it.
  mutating func rule(for path: ByteString) -> PathRule? {
    var best: Int?
    for index in 0..<count where rules[index].covers(path) {
      if let best, rules[best].old.byteCount > rules[index].old.byteCount { continue }
      best = index
    }
    guard let best else { return nil }
    used |= 1 << UInt64(best)
    return rules[best]
  }

  /// Whether something was found under a rule.
  func isUsed(_ index: Int) -> Bool { used & 1 << UInt64(index) != 0 }

  /// Says which rules were for nothing, as far as it is known: perhaps one was misspelt.
  func tellUnused() {
    for index in 0..<count where !isUsed(index) {
      let old = rules[index].old
      var line = Line("restart: note: --map: the program has nothing open or mapped under ")
      if old.isEmpty { line.append("/") }
      line.append(at: old.address, count: old.byteCount)
      line.append("\n")
      line.write(to: 2)
    }
  }
}
