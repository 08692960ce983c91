internal import Kernel
internal import KernelABI

/// Memory that the program says is not worth saving.
///
/// Two tables of which one counts, each with its ranges in address order, none overlapping or adjoining
/// another: a change makes the other one and then lets it count. So a child that is forked meanwhile finds
/// a whole table.
enum Exclusions {
  /// Ranges at most.
  static let capacity = 508

  private static let bankByteCount: UInt64 = 8192
  private static let headByteCount: UInt64 = 16

  /// Which table counts.
  private static var current: UInt64 {
    UInt64(Memory.load(UInt32.self, at: Agent.exclusionTable)) & 1
  }

  private static func bank(_ number: UInt64) -> Address {
    Agent.exclusionTable + number * bankByteCount
  }

  /// The ranges as they are now.
  static var list: List { List(bank: bank(current), word: 4) }

  /// A list of ranges in memory: a count, then the ranges.
  struct List: BitwiseCopyable {
    fileprivate let bank: Address

    /// Where the count lies.
    fileprivate let word: UInt64

    private(set) var count: Int {
      get { Int(Memory.load(UInt32.self, at: bank + word)) }
      nonmutating set { Memory.store(UInt32(newValue), at: bank + word) }
    }

    subscript(index: Int) -> AddressRange {
      AddressRange(
        start: Memory.load(at: place(index)), end: Memory.load(at: place(index) + 8)) ?? .empty
    }

    private func place(_ index: Int) -> Address {
      bank + Exclusions.headByteCount + UInt64(index * 16)
    }

    fileprivate func removeAll() { count = 0 }

    /// - Returns: false when it is full.
    fileprivate func append(_ start: Address, _ end: Address) -> Bool {
      guard start < end else { return true }
      guard count < Exclusions.capacity else { return false }
      Memory.store(start.rawValue, at: place(count))
      Memory.store(end.rawValue, at: place(count) + 8)
      count += 1
      return true
    }

    /// The first range that ends behind an address.
    private func first(behind address: Address) -> Int {
      var low = 0
      var high = count
      while low < high {
        let middle = (low + high) / 2
        if self[middle].end <= address { low = middle + 1 } else { high = middle }
      }
      return low
    }

    /// The longest part of a range from its start on that is excluded as a whole or not at all.
    func part(of range: AddressRange) -> (end: Address, isExcluded: Bool) {
      let index = first(behind: range.start)
      guard index < count, self[index].start < range.end else { return (range.end, false) }
      let found = self[index]
      return found.start <= range.start
        ? (min(found.end, range.end), true) : (found.start, false)
    }
  }

  // MARK: Changing

  /// - Returns: false when the table is full.
  static func exclude(_ range: AddressRange) -> Bool { change(range, excludes: true) }

  /// - Returns: false when the table is full: a range may become two.
  static func include(_ range: AddressRange) -> Bool {
    let isDone = change(range, excludes: false)
    // What an earlier image has not of this memory, the next one can't leave to it.
    if isDone { Agent.state.inclusions &+= 1 }
    return isDone
  }

  private static func change(_ range: AddressRange, excludes: Bool) -> Bool {
    guard !range.isEmpty else { return true }
    return ShortLock.with(Agent.tables) {
      let old = list
      let number = 1 - current
      // The word of the first table says which counts; so the count has a place of its own.
      let new = List(bank: bank(number), word: 4)
      guard build(new, from: old, range, excludes: excludes) else { return false }
      Memory.store(UInt32(number), at: Agent.exclusionTable)
      return true
    }
  }

  private static func build(
    _ new: List, from old: List, _ range: AddressRange, excludes: Bool
  ) -> Bool {
    new.removeAll()
    var start = range.start
    var end = range.end
    var isPut = !excludes
    for index in 0..<old.count {
      let other = old[index]
      if excludes, other.start <= end, start <= other.end {
        start = min(start, other.start)
        end = max(end, other.end)
      } else if excludes {
        if !isPut, other.start > end {
          guard new.append(start, end) else { return false }
          isPut = true
        }
        guard new.append(other.start, other.end) else { return false }
      } else {
        guard new.append(other.start, min(other.end, range.start)),
          new.append(max(other.start, range.end), other.end)
        else { return false }
      }
    }
    return isPut || new.append(start, end)
  }
}
