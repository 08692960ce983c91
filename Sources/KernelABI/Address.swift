/// A position in the address space of the process: a number, not a pointer.
public struct Address: Comparable, Sendable, BitwiseCopyable {
  public let rawValue: UInt64

  @inline(__always) public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = Address(0)

  @inline(__always) public static func < (lhs: Address, rhs: Address) -> Bool {
    lhs.rawValue < rhs.rawValue
  }

  /// Wraps silently: addresses that come from outside are checked by `AddressRange`.
  @inline(__always) public static func + (lhs: Address, byteCount: UInt64) -> Address {
    Address(lhs.rawValue &+ byteCount)
  }

  @inline(__always) public static func - (lhs: Address, byteCount: UInt64) -> Address {
    Address(lhs.rawValue &- byteCount)
  }

  /// Bytes from `rhs` up to `lhs`.
  @inline(__always) public static func - (lhs: Address, rhs: Address) -> UInt64 {
    lhs.rawValue &- rhs.rawValue
  }

  public var roundedUpToPage: Address {
    Address((rawValue &+ (pageByteCount - 1)) & ~(pageByteCount - 1))
  }

  public var roundedDownToPage: Address { Address(rawValue & ~(pageByteCount - 1)) }
}

/// The page of x86-64, in bytes.
public let pageByteCount: UInt64 = 4096

/// `byteCount` made a multiple of the page size.
@inline(__always) public func roundedUpToPage(_ byteCount: UInt64) -> UInt64 {
  (byteCount &+ (pageByteCount - 1)) & ~(pageByteCount - 1)
}

/// A half-open run of addresses that does not wrap.
public struct AddressRange: Equatable, Sendable, BitwiseCopyable {
  public let start: Address
  public let byteCount: UInt64

  /// - Returns: `nil` when `start + byteCount` overflows, so nothing downstream has to check.
  public init?(start: Address, byteCount: UInt64) {
    guard !start.rawValue.addingReportingOverflow(byteCount).overflow else { return nil }
    self.start = start
    self.byteCount = byteCount
  }

  /// - Returns: `nil` when `end` lies below `start`.
  public init?(start: UInt64, end: UInt64) {
    guard start <= end else { return nil }
    self.start = Address(start)
    self.byteCount = end - start
  }

  private init() {
    start = .zero
    byteCount = 0
  }

  /// No addresses at all.
  public static let empty = AddressRange()

  @inline(__always) public var end: Address { start + byteCount }
  public var isEmpty: Bool { byteCount == 0 }

  public func overlaps(_ other: AddressRange) -> Bool { start < other.end && other.start < end }

  public func contains(_ address: Address) -> Bool { start <= address && address < end }

  public func contains(_ other: AddressRange) -> Bool { start <= other.start && other.end <= end }
}
