public import KernelABI

/// One region as /proc/PID/smaps shows it: the line of `maps` and what follows it.
///
/// Source: proc_pid_maps(5), proc_pid_smaps(5); `fs/proc/task_mmu.c`, show_smap_vma_flags.
public struct SmapsEntry {
  public var range: AddressRange
  public var protection: Protection
  public var isShared: Bool
  public var fileOffset: UInt64
  /// As stat(2) gives it in `st_dev`.
  public var device: UInt64
  public var inode: UInt64

  /// Where the path lies in the text; `pathByteCount` is 0 when there is none.
  public var pathOffset = 0
  public var pathByteCount = 0

  /// Bytes of a page here: 4096, or more in hugetlbfs memory.
  public var kernelPageByteCount = pageByteCount
  public var protectionKey: UInt32 = 0
  public var flags = VMFlags.none

  /// Reads the next entry of the text, `nil` at its end or where it isn't one.
  @_lifetime(cursor: copy cursor)
  public init?(from cursor: inout TextCursor) {
    guard let start = cursor.number(radix: 16), cursor.take(byte: 0x2D),
      let end = cursor.number(radix: 16), let range = AddressRange(start: start, end: end)
    else { return nil }
    self.range = range
    cursor.skipBlanks()
    var protection = Protection.none
    if cursor.take(byte: 0x72) { protection = protection | .read } else { cursor.skip() }
    if cursor.take(byte: 0x77) { protection = protection | .write } else { cursor.skip() }
    if cursor.take(byte: 0x78) { protection = protection | .execute } else { cursor.skip() }
    self.protection = protection
    isShared = cursor.take(byte: 0x73)
    if !isShared { cursor.skip() }
    cursor.skipBlanks()
    fileOffset = cursor.number(radix: 16) ?? 0
    cursor.skipBlanks()
    let major = cursor.number(radix: 16) ?? 0
    _ = cursor.take(byte: 0x3A)
    let minor = cursor.number(radix: 16) ?? 0
    // include/linux/kdev_t.h, new_encode_dev
    device = minor & 0xFF | major << 8 | (minor & ~0xFF) << 12
    cursor.skipBlanks()
    inode = cursor.number() ?? 0
    cursor.skipBlanks()
    pathOffset = cursor.offset
    cursor.skipLine()
    pathByteCount = max(0, cursor.offset - pathOffset - 1)
    readProperties(from: &cursor)
  }

  /// Reads the lines up to the next entry's first one, which starts with a lower-case digit.
  @_lifetime(cursor: copy cursor)
  private mutating func readProperties(from cursor: inout TextCursor) {
    while let byte = cursor.current, byte >= 0x41, byte <= 0x5A {
      if cursor.take("KernelPageSize:") {
        cursor.skipBlanks()
        kernelPageByteCount = (cursor.number() ?? 4) &* 1024
      } else if cursor.take("ProtectionKey:") {
        cursor.skipBlanks()
        protectionKey = UInt32(truncatingIfNeeded: cursor.number() ?? 0)
      } else if cursor.take("VmFlags:") {
        flags = VMFlags(from: &cursor)
      }
      cursor.skipLine()
    }
  }
}

/// The two-letter flags of a region.
public struct VMFlags: FlagSet {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let growsDown = VMFlags(rawValue: 1)  // gd
  public static let noReserve = VMFlags(rawValue: 2)  // nr
  public static let hugeTLB = VMFlags(rawValue: 4)  // ht
  public static let hugePages = VMFlags(rawValue: 8)  // hg
  public static let noHugePages = VMFlags(rawValue: 16)  // nh
  public static let dontFork = VMFlags(rawValue: 32)  // dc
  public static let wipeOnFork = VMFlags(rawValue: 64)  // wf
  public static let dontDump = VMFlags(rawValue: 128)  // dd
  public static let locked = VMFlags(rawValue: 256)  // lo
  public static let lockedOnFault = VMFlags(rawValue: 512)  // lf
  public static let mergeable = VMFlags(rawValue: 1024)  // mg
  public static let sealed = VMFlags(rawValue: 2048)  // sl
  public static let sequential = VMFlags(rawValue: 4096)  // sr
  public static let random = VMFlags(rawValue: 8192)  // rr
  public static let mayWrite = VMFlags(rawValue: 16384)  // mw
  public static let device = VMFlags(rawValue: 32768)  // io
  public static let rawPages = VMFlags(rawValue: 65536)  // pf
  public static let userfaultfd = VMFlags(rawValue: 131072)  // um, ui
  public static let shadowStack = VMFlags(rawValue: 262144)  // ss
  public static let writeProtected = VMFlags(rawValue: 524288)  // uw
  public static let droppable = VMFlags(rawValue: 1_048_576)  // dp

  /// Reads the flags up to the end of the line; unknown ones are passed over.
  @_lifetime(cursor: copy cursor)
  public init(from cursor: inout TextCursor) {
    var flags = VMFlags.none
    while true {
      cursor.skipBlanks()
      guard let first = cursor.current, first != 0x0A else { break }
      cursor.skip()
      guard let second = cursor.current, second != 0x0A else { break }
      cursor.skip()
      flags = flags | Self.named(first, second)
      cursor.skipWord()
    }
    self = flags
  }

  private static func named(_ first: UInt8, _ second: UInt8) -> VMFlags {
    switch (first, second) {
    case (0x67, 0x64): .growsDown
    case (0x6E, 0x72): .noReserve
    case (0x68, 0x74): .hugeTLB
    case (0x68, 0x67): .hugePages
    case (0x6E, 0x68): .noHugePages
    case (0x64, 0x63): .dontFork
    case (0x77, 0x66): .wipeOnFork
    case (0x64, 0x64): .dontDump
    case (0x6C, 0x6F): .locked
    case (0x6C, 0x66): .lockedOnFault
    case (0x6D, 0x67): .mergeable
    case (0x73, 0x6C): .sealed
    case (0x73, 0x72): .sequential
    case (0x72, 0x72): .random
    case (0x6D, 0x77): .mayWrite
    case (0x69, 0x6F): .device
    case (0x70, 0x66): .rawPages
    case (0x75, 0x6D), (0x75, 0x69): .userfaultfd
    case (0x75, 0x77): .writeProtected
    case (0x73, 0x73): .shadowStack
    case (0x64, 0x70): .droppable
    default: .none
    }
  }
}
