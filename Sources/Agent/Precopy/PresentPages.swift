internal import Kernel
internal import KernelABI

/// Goes through the pages of a range that hold something, from front to back.
struct PresentPages: ~Copyable {
  private let pagemap: Int32
  private let found: Address
  private var rest: AddressRange?
  private var count = 0
  private var next = 0

  private static let capacity = 1024

  /// - Parameters:
  ///   - pagemap: of the process whose memory it is.
  ///   - scratch: some KiB stay taken for as long as this is used.
  init(_ pagemap: Int32, _ range: AddressRange, _ scratch: inout Arena) throws(Errno) {
    found = try scratch.reserve(UInt64(Self.capacity * 24))
    self.pagemap = pagemap
    rest = range
  }

  /// The next run of them, `nil`: there are no more.
  mutating func nextRun() throws(Errno) -> AddressRange? {
    while next == count {
      guard let part = rest else { return nil }
      next = 0
      (count, rest) = try PageScan.next(
        pagemap, part, wanted: PageScan.present | PageScan.swapped,
        returned: PageScan.present, into: found, capacity: Self.capacity)
    }
    defer { next += 1 }
    return Memory.load(PageRun.self, at: found + UInt64(next * 24)).range
  }
}
