internal import Kernel
internal import KernelABI

/// The functions that a vdso offers, read from its bytes as they lie in memory.
///
/// Pure. Source: elf(5); the dynamic table alone is used, as a program's loader does: the section headers
/// may be missing.
struct VDSOSymbols: ~Escapable {
  private let bytes: RawSpan
  private var symbols = 0
  private var strings = 0
  private(set) var count = 0

  /// What to subtract from an address in the file to get an offset in `bytes`.
  private var base: UInt64 = 0

  private enum Tag {
    static let hash: UInt64 = 4
    static let strings: UInt64 = 5
    static let symbols: UInt64 = 6
    static let gnuHash: UInt64 = 0x6fff_fef5
  }

  /// - Returns: `nil` when the bytes are no ELF file with a dynamic table.
  @_lifetime(copy bytes)
  init?(_ bytes: RawSpan) {
    self.bytes = bytes
    guard bytes.byteCount >= 64, word(0) & 0xffff_ffff == 0x464c_457f else { return nil }
    let headers = Int(truncatingIfNeeded: word(32))
    let headerCount = Int(half(56))
    var dynamic: UInt64?
    var foundBase = false
    for index in 0..<headerCount {
      let header = headers &+ index &* 56
      guard holds(header, 56) else { return nil }
      switch word(header) & 0xffff_ffff {
      case 1 where !foundBase:  // PT_LOAD
        base = word(header + 16) &- word(header + 8)
        foundBase = true
      case 2: dynamic = word(header + 16)  // PT_DYNAMIC
      default: break
      }
    }
    guard let dynamic, let table = offset(of: dynamic), readDynamic(at: table) else { return nil }
  }

  /// Reads the dynamic table; the kernel leaves its addresses as the linker wrote them.
  @_lifetime(self: copy self)
  private mutating func readDynamic(at table: Int) -> Bool {
    var entry = table
    var hash: Int?
    var gnuHash: Int?
    while holds(entry, 16), word(entry) != 0 {
      let place = offset(of: word(entry + 8))
      switch word(entry) {
      case Tag.hash: hash = place
      case Tag.gnuHash: gnuHash = place
      case Tag.strings: strings = place ?? 0
      case Tag.symbols: symbols = place ?? 0
      default: break
      }
      entry += 16
    }
    guard symbols > 0, strings > 0 else { return false }
    if let hash, holds(hash, 8) {
      count = Int(single(hash + 4))
    } else if let gnuHash {
      count = gnuCount(gnuHash)
    }
    return holds(symbols, 0) && count > 0 && holds(symbols, count &* 24)
  }

  /// How many symbols there are by a DT_GNU_HASH table: one more than the highest one in a chain.
  private func gnuCount(_ table: Int) -> Int {
    guard holds(table, 16) else { return 0 }
    let buckets = Int(single(table))
    let first = Int(single(table + 4))
    let bloomWords = Int(single(table + 8))
    let bucketTable = table &+ 16 &+ bloomWords &* 8
    let chains = bucketTable &+ buckets &* 4
    guard buckets < bytes.byteCount, holds(bucketTable, buckets * 4) else { return 0 }
    var last = 0
    for index in 0..<buckets { last = max(last, Int(single(bucketTable + index * 4))) }
    guard last >= first else { return first }
    while holds(chains &+ (last - first) &* 4, 4), single(chains + (last - first) * 4) & 1 == 0 {
      last += 1
    }
    return last + 1
  }

  /// Where a function starts, in bytes from the vdso's start; `nil`: symbol `index` is none that
  /// is defined here.
  func function(_ index: Int) -> UInt64? {
    let symbol = symbols + index * 24
    let type = bytes.byte(at: symbol + 4) & 0xF
    guard type == 2, half(symbol + 6) != 0, half(symbol + 6) < 0xff00,
      let place = offset(of: word(symbol + 8)), holds(place, VDSOStub.byteCount)
    else { return nil }
    return UInt64(place)
  }

  /// Where a function of the same name starts in another vdso.
  func counterpart(of index: Int, in other: borrowing VDSOSymbols) -> UInt64? {
    for candidate in 0..<other.count {
      guard let place = other.function(candidate), hasName(of: index, candidate, in: other) else {
        continue
      }
      return place
    }
    return nil
  }

  private func hasName(of index: Int, _ candidate: Int, in other: borrowing VDSOSymbols) -> Bool {
    var mine = nameOffset(index)
    var theirs = other.nameOffset(candidate)
    while holds(mine, 1), other.holds(theirs, 1) {
      let byte = bytes.byte(at: mine)
      guard byte == other.bytes.byte(at: theirs) else { return false }
      if byte == 0 { return true }
      mine += 1
      theirs += 1
    }
    return false
  }

  /// Whether symbol `index` has this name.
  func hasName(_ name: StaticString, _ index: Int) -> Bool {
    let start = nameOffset(index)
    let length = name.utf8CodeUnitCount
    guard holds(start, length + 1), bytes.byte(at: start + length) == 0 else { return false }
    let text = Memory.bytes(at: name.address, count: length)
    for position in 0..<length where bytes.byte(at: start + position) != text.byte(at: position) {
      return false
    }
    return true
  }

  private func nameOffset(_ index: Int) -> Int { strings + Int(single(symbols + index * 24)) }

  private func offset(of address: UInt64) -> Int? {
    let offset = address &- base
    return offset < UInt64(bytes.byteCount) ? Int(offset) : nil
  }

  private func holds(_ offset: Int, _ count: Int) -> Bool {
    offset >= 0 && count >= 0 && offset <= bytes.byteCount && count <= bytes.byteCount - offset
  }

  private func half(_ offset: Int) -> UInt16 {
    UInt16(bytes.byte(at: offset)) | UInt16(bytes.byte(at: offset + 1)) << 8
  }

  private func single(_ offset: Int) -> UInt32 {
    UInt32(half(offset)) | UInt32(half(offset + 2)) << 16
  }

  private func word(_ offset: Int) -> UInt64 {
    UInt64(single(offset)) | UInt64(single(offset + 4)) << 32
  }
}
