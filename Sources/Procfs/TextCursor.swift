/// Walks over the text of a /proc file that was already read: words, numbers, lines.
///
/// Nothing here fails on odd text: what isn't there is `nil`, and the cursor stays where it was.
public struct TextCursor: ~Escapable {
  public let bytes: RawSpan

  /// Bytes consumed so far.
  public private(set) var offset: Int

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) {
    self.bytes = bytes
    offset = 0
  }

  public var isAtEnd: Bool { offset >= bytes.byteCount }

  /// The byte under the cursor, `nil` at the end.
  public var current: UInt8? { isAtEnd ? nil : bytes.byte(at: offset) }

  @_lifetime(self: copy self)
  public mutating func skip(_ count: Int = 1) { offset = min(offset + count, bytes.byteCount) }

  /// Skips spaces and tabs.
  @_lifetime(self: copy self)
  public mutating func skipBlanks() {
    while let byte = current, byte == 0x20 || byte == 0x09 { offset += 1 }
  }

  /// Moves behind the next line feed.
  @_lifetime(self: copy self)
  public mutating func skipLine() {
    while let byte = current {
      offset += 1
      if byte == 0x0A { return }
    }
  }

  /// Moves to the next space, tab or line feed, or to the end.
  ///
  /// - Returns: how many bytes the word has.
  @_lifetime(self: copy self) @discardableResult
  public mutating func skipWord() -> Int {
    let start = offset
    while let byte = current, byte != 0x20, byte != 0x09, byte != 0x0A { offset += 1 }
    return offset - start
  }

  /// Consumes `text` if it comes next.
  @_lifetime(self: copy self)
  public mutating func take(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard bytes.byteCount - offset >= count else { return false }
    for index in 0..<count where bytes.byte(at: offset + index) != text.byte(at: index) {
      return false
    }
    offset += count
    return true
  }

  /// Consumes one given byte if it comes next.
  @_lifetime(self: copy self)
  public mutating func take(byte: UInt8) -> Bool {
    guard current == byte else { return false }
    offset += 1
    return true
  }

  /// Consumes a number in the given radix, 2...16, without sign; overflow wraps.
  @_lifetime(self: copy self)
  public mutating func number(radix: UInt64 = 10) -> UInt64? {
    let start = offset
    var value: UInt64 = 0
    while let byte = current, let digit = digitValue(byte), digit < radix {
      value = value &* radix &+ digit
      offset += 1
    }
    return offset == start ? nil : value
  }

  /// Consumes a decimal number with an optional minus sign.
  @_lifetime(self: copy self)
  public mutating func signedNumber() -> Int64? {
    let start = offset
    let isNegative = take(byte: 0x2D)
    guard let magnitude = number() else {
      offset = start
      return nil
    }
    let value = Int64(truncatingIfNeeded: magnitude)
    return isNegative ? 0 &- value : value
  }

  private func digitValue(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 0x30...0x39: UInt64(byte - 0x30)
    case 0x61...0x66: UInt64(byte - 0x57)
    case 0x41...0x46: UInt64(byte - 0x37)
    default: nil
    }
  }
}
