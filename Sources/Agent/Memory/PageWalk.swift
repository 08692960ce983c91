internal import Kernel
internal import KernelABI

/// Lists the pages of a range that hold something, as runs with what the kernel says of them.
///
/// Uses PAGEMAP_SCAN where the kernel has it (Linux 6.7), else reads the pagemap entries.
/// Stopped-world safe.
struct PageWalk {
  struct Pages {
    var range: AddressRange
    var isFile: Bool  // a page of the mapped file, not written by the process
    var isZeroPage: Bool
    var isGuard: Bool
  }

  private static let capacity = 4096
  private static let wanted = PageScan.present | PageScan.swapped
  private static let returned = wanted | PageScan.file | PageScan.zeroPage

  /// What the walks of one checkpoint share.
  struct Resources: ~Copyable {
    let pagemap: FileDescriptor
    let buffer: Address
    var hasScan: Bool
    var hasGuards: Bool

    /// - Parameter thread: of the process to look at, `nil`: this one.
    init(in scratch: inout Arena, of thread: Int32? = nil) throws(Errno) {
      let room = try scratch.reserve(UInt64(PageWalk.capacity * 24))
      pagemap = try Self.open(thread)
      buffer = room
      hasScan = true
      hasGuards = true
    }

    private static func open(_ thread: Int32?) throws(Errno) -> FileDescriptor {
      guard let thread else { return try FileDescriptor("/proc/thread-self/pagemap", .readOnly) }
      var path = Line("/proc/")
      path.append(decimal: UInt64(UInt32(bitPattern: thread)))
      path.append("/pagemap")
      return try path.withPath { (path) throws(Errno) in
        try FileDescriptor(path: path, .readOnly)
      }
    }
  }

  private var rest: AddressRange?
  private var position = 0
  private var count = 0

  init(over range: AddressRange) { rest = range.isEmpty ? nil : range }

  /// The next run, `nil` at the end of the range.
  mutating func next(_ resources: inout Resources) throws(Errno) -> Pages? {
    while position == count {
      guard let range = rest else { return nil }
      position = 0
      try fill(range, &resources)
    }
    let entry = resources.buffer + UInt64(position * 24)
    position += 1
    let categories = Memory.load(UInt64.self, at: entry + 16)
    guard
      let range = AddressRange(
        start: Memory.load(at: entry), end: Memory.load(at: entry + 8))
    else { return nil }
    return Pages(
      range: range, isFile: categories & PageScan.file != 0,
      isZeroPage: categories & PageScan.zeroPage != 0,
      isGuard: categories & PageScan.guardPage != 0)
  }

  private mutating func fill(
    _ range: AddressRange, _ resources: inout Resources
  ) throws(Errno) {
    guard resources.hasScan else { return try readPagemap(range, &resources) }
    let guards = resources.hasGuards ? PageScan.guardPage : 0
    do throws(Errno) {
      (count, rest) = try PageScan.next(
        resources.pagemap.number, range, wanted: Self.wanted | guards,
        returned: Self.returned | guards, into: resources.buffer, capacity: Self.capacity)
    } catch {
      // EINVAL: a category this kernel doesn't know; ENOTTY: no such call at all.
      if error == .invalid, resources.hasGuards {
        resources.hasGuards = false
      } else if error == .notTerminal || error == .invalid {
        resources.hasScan = false
      } else {
        throw error
      }
      try fill(range, &resources)
    }
  }

  /// Reads pagemap entries and turns them into the records that PAGEMAP_SCAN would give.
  ///
  /// The entries are read to the end of the buffer and the records made in its front: a record
  /// has 24 bytes, an entry 8, so a quarter of the buffer's pages is taken at a time.
  ///
  /// Source: `Documentation/admin-guide/mm/pagemap.rst`: bit 63 present, 62 swapped, 61 file.
  private mutating func readPagemap(
    _ range: AddressRange, _ resources: inout Resources
  ) throws(Errno) {
    let batch = min(range.byteCount / pageByteCount, UInt64(Self.capacity / 4))
    let entries = resources.buffer + UInt64(Self.capacity * 24) - batch * 8
    let got =
      try resources.pagemap.readFully(
        to: entries, byteCount: batch * 8, at: range.start.rawValue / pageByteCount * 8) / 8
    guard got > 0 else { throw .inputOutput }
    count = 0
    for index in 0..<got {
      let entry = Memory.load(UInt64.self, at: entries + index * 8)
      guard entry >> 62 != 0 else { continue }
      let record = resources.buffer + UInt64(count * 24)
      let start = range.start.rawValue + index * pageByteCount
      Memory.store(start, at: record)
      Memory.store(start + pageByteCount, at: record + 8)
      Memory.store(
        entry >> 61 & 1 != 0 ? PageScan.file | PageScan.present : PageScan.present, at: record + 16)
      count += 1
    }
    rest = AddressRange(
      start: range.start.rawValue + got * pageByteCount, end: range.end.rawValue)
    if rest?.isEmpty == true { rest = nil }
  }
}
