internal import KernelABI

/// Looks for addresses that nothing uses.
///
/// Pure.
enum FreeSpace {
  /// Where to look first: above every non-PIE program and its heap, below PIE programs, libraries
  /// and stacks.
  static let preferred = Address(0x1000_0000_0000)

  /// The lowest address that `restart` would take besides its own.
  static let lowest = Address(0x20_0000)

  /// The end of user addresses with four-level page tables.
  static let end = Address(0x7fff_ffff_f000)

  /// Kept free on either side: a stack that grows stops a guard gap (1 MiB) before a mapping.
  static let margin: UInt64 = 4 << 20

  /// Finds the lowest hole from `preferred` on, else from `lowest` on.
  ///
  /// `alignment` of its start is a power of two. `taken` gives each of `count` ranges that are
  /// taken, in any order; when they are mostly in address order, few passes do.
  ///
  /// - Returns: `nil` when nothing so large is free.
  static func hole(
    byteCount: UInt64, alignment: UInt64, avoiding count: Int, _ taken: (Int) -> AddressRange
  ) -> AddressRange? {
    hole(from: preferred, byteCount: byteCount, alignment: alignment, avoiding: count, taken)
      ?? hole(from: lowest, byteCount: byteCount, alignment: alignment, avoiding: count, taken)
  }

  private static func hole(
    from first: Address, byteCount: UInt64, alignment: UInt64, avoiding count: Int,
    _ taken: (Int) -> AddressRange
  ) -> AddressRange? {
    guard byteCount < end.rawValue else { return nil }
    var start = aligned(first + margin, alignment)
    while true {
      guard start < end, byteCount + margin <= end - start,
        let wanted = AddressRange(start: start - margin, byteCount: byteCount + 2 * margin)
      else { return nil }
      var isFree = true
      for index in 0..<count {
        let range = taken(index)
        guard !range.isEmpty, start - margin < range.end, range.start < wanted.end,
          range.start < start + (byteCount + margin)
        else { continue }
        start = aligned(range.end + margin, alignment)
        isFree = false
        guard start < end, byteCount + margin <= end - start else { return nil }
      }
      if isFree { return AddressRange(start: start, byteCount: byteCount) }
    }
  }

  private static func aligned(_ address: Address, _ alignment: UInt64) -> Address {
    Address((address.rawValue &+ alignment &- 1) & ~(alignment &- 1))
  }
}
