/// Named bits in an integer the kernel defines.
///
/// Not `OptionSet`: its array literals need the heap, which the agent has not got.
public protocol FlagSet: RawRepresentable, Equatable, Sendable, BitwiseCopyable
where RawValue: FixedWidthInteger & Sendable {
  init(rawValue: RawValue)
}

extension FlagSet {
  public static var none: Self { Self(rawValue: 0) }

  @inline(__always) public static func | (lhs: Self, rhs: Self) -> Self {
    Self(rawValue: lhs.rawValue | rhs.rawValue)
  }

  @inline(__always) public func contains(_ other: Self) -> Bool {
    rawValue & other.rawValue == other.rawValue
  }
}

/// Access a mapping allows.
///
/// Source: mmap(2), `prot`.
public struct Protection: FlagSet {
  public let rawValue: Int32
  @inline(__always) public init(rawValue: Int32) { self.rawValue = rawValue }
  public static let read = Protection(rawValue: 1)
  public static let write = Protection(rawValue: 2)
  public static let execute = Protection(rawValue: 4)
}

/// Kind of mapping and how to place it.
///
/// Source: mmap(2), `flags`; `include/uapi/asm-generic/mman.h`.
public struct MapFlags: FlagSet {
  public let rawValue: Int32
  @inline(__always) public init(rawValue: Int32) { self.rawValue = rawValue }
  public static let shared = MapFlags(rawValue: 0x01)
  public static let `private` = MapFlags(rawValue: 0x02)
  public static let droppable = MapFlags(rawValue: 0x08)
  public static let fixed = MapFlags(rawValue: 0x10)
  public static let anonymous = MapFlags(rawValue: 0x20)
  public static let growsDown = MapFlags(rawValue: 0x100)
  public static let noReserve = MapFlags(rawValue: 0x4000)
  public static let populate = MapFlags(rawValue: 0x8000)
  public static let hugeTLB = MapFlags(rawValue: 0x40000)
  public static let fixedNoReplace = MapFlags(rawValue: 0x100000)
}

/// How to open a file, and the status flags of an open file description.
///
/// Source: open(2); `include/uapi/asm-generic/fcntl.h`.
public struct OpenFlags: FlagSet {
  public let rawValue: Int32
  @inline(__always) public init(rawValue: Int32) { self.rawValue = rawValue }
  public static let readOnly = OpenFlags(rawValue: 0)
  public static let writeOnly = OpenFlags(rawValue: 1)
  public static let readWrite = OpenFlags(rawValue: 2)
  public static let accessMode = OpenFlags(rawValue: 3)
  public static let create = OpenFlags(rawValue: 0o100)
  public static let exclusive = OpenFlags(rawValue: 0o200)
  public static let noControllingTerminal = OpenFlags(rawValue: 0o400)
  public static let truncate = OpenFlags(rawValue: 0o1000)
  public static let append = OpenFlags(rawValue: 0o2000)
  public static let nonBlocking = OpenFlags(rawValue: 0o4000)
  public static let direct = OpenFlags(rawValue: 0o40000)
  public static let largeFile = OpenFlags(rawValue: 0o100000)
  public static let directory = OpenFlags(rawValue: 0o200000)
  public static let noFollow = OpenFlags(rawValue: 0o400000)
  public static let closeOnExec = OpenFlags(rawValue: 0o2000000)
  public static let path = OpenFlags(rawValue: 0o10000000)
  public static let temporaryFile = OpenFlags(rawValue: 0o20200000)
}
