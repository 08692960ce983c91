internal import Kernel
internal import KernelABI

/// What is still missing of a program's memory: where it belongs, and where its bytes are.
///
/// In address order, without overlaps. What becomes complete, is dropped or is unmapped is taken
/// out; what the program moves, moves.
///
/// Pure but for where it lies.
struct LazySpans: BitwiseCopyable {
  /// Some may be empty.
  private(set) var table: Table<Span>

  /// Before it, nothing is missing.
  private var first = 0

  /// - Parameter table: with room for what parts will be cut into.
  init(_ table: Table<Span>) { self.table = table }

  /// A copy of what another one has, in a table of its own.
  init(copying other: LazySpans, to table: Table<Span>) throws(Errno) {
    var copy = table
    for index in other.first..<other.table.count where other.table[index].byteCount > 0 {
      try copy.append(other.table[index])
    }
    self.table = copy
  }

  /// The first of what is missing; `nil`: nothing is.
  mutating func next() -> Span? {
    while first < table.count {
      let span = table[first]
      if span.byteCount > 0 { return span }
      first += 1
    }
    return nil
  }

  /// What is missing at an address.
  func span(at address: Address) -> Span? {
    let index = table.firstIndex(endingBehind: address)
    guard index < table.count, table[index].address <= address else { return nil }
    return table[index]
  }

  /// Takes out a range.
  ///
  /// - Throws: `Errno.outOfMemory` when it is cut into too many parts.
  mutating func remove(_ range: AddressRange) throws(Errno) {
    var index = table.firstIndex(endingBehind: range.start)
    while index < table.count, table[index].address < range.end {
      let span = table[index]
      if span.address < range.start, span.end > range.end {
        let tail = span.from(range.end - span.address)
        table.update(index) { $0.byteCount = range.start - span.address }
        try insert(tail, at: index + 1)
        return
      }
      if span.address < range.start {
        table.update(index) { $0.byteCount = range.start - span.address }
      } else if span.end > range.end {
        table[index] = span.from(range.end - span.address)
      } else {
        table.update(index) { $0.byteCount = 0 }
      }
      index += 1
    }
  }

  /// Lets what is missing in a range be missing elsewhere instead.
  mutating func move(_ range: AddressRange, to destination: Address) throws(Errno) {
    guard let place = AddressRange(start: destination, byteCount: range.byteCount) else { return }
    // Cut at the ends of the range, and clear the place.
    try split(at: range.start)
    try split(at: range.end)
    try remove(place)
    compact()
    let start = table.firstIndex(endingBehind: range.start)
    var end = start
    while end < table.count, table[end].address < range.end { end += 1 }
    guard start < end else { return }
    for index in start..<end {
      table.update(index) { $0.address = destination + ($0.address - range.start) }
    }
    rotate(start..<end)
  }

  /// Leaves out empty records: among those that move they would lie in wrong places.
  private mutating func compact() {
    var count = 0
    for index in first..<table.count where table[index].byteCount > 0 {
      table[count] = table[index]
      count += 1
    }
    table = table.covering(count)
    first = 0
  }

  private mutating func split(at address: Address) throws(Errno) {
    let index = table.firstIndex(endingBehind: address)
    guard index < table.count, table[index].address < address else { return }
    let span = table[index]
    table.update(index) { $0.byteCount = address - span.address }
    try insert(span.from(address - span.address), at: index + 1)
  }

  private mutating func insert(_ span: Span, at index: Int) throws(Errno) {
    try table.append(span)
    var place = table.count - 1
    while place > index {
      table[place] = table[place - 1]
      place -= 1
    }
    table[index] = span
  }

  /// Brings records whose addresses have changed to where they belong.
  private mutating func rotate(_ moved: Range<Int>) {
    var range = moved
    while range.lowerBound > 0,
      table[range.lowerBound - 1].address > table[range.lowerBound].address
    {
      shift(range.lowerBound - 1, behind: range)
      range = (range.lowerBound - 1)..<(range.upperBound - 1)
    }
    while range.upperBound < table.count,
      table[range.upperBound].address < table[range.upperBound - 1].address
    {
      shift(range.upperBound, before: range)
      range = (range.lowerBound + 1)..<(range.upperBound + 1)
    }
    first = min(first, range.lowerBound)
  }

  private func shift(_ index: Int, behind range: Range<Int>) {
    let span = table[index]
    for place in range { table[place - 1] = table[place] }
    table[range.upperBound - 1] = span
  }

  private func shift(_ index: Int, before range: Range<Int>) {
    let span = table[index]
    for place in range.reversed() { table[place + 1] = table[place] }
    table[range.lowerBound] = span
  }
}

extension Span {
  /// The rest of it from an offset on.
  func from(_ offset: UInt64) -> Span {
    var rest = self
    rest.address = address + offset
    rest.byteCount -= offset
    if source != Span.zeros {
      rest.fileOffset += offset
      rest.piece += offset / pageByteCount
    }
    return rest
  }

  /// The part of it that lies in the same huge page as an address in it.
  func around(_ place: Address) -> Span {
    let huge = RestoreArena.hugePageByteCount
    let low = max(address.rawValue, place.rawValue & ~(huge - 1))
    let high = min(end.rawValue, (place.rawValue & ~(huge - 1)) + huge)
    var part = from(low - address.rawValue)
    part.byteCount = high - low
    return part
  }

  var range: AddressRange { AddressRange(start: address, byteCount: byteCount) ?? .empty }
}
