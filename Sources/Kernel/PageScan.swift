internal import CKernel
public import KernelABI

/// What the kernel knows of the pages of a range: PAGEMAP_SCAN.
///
/// Source: `Documentation/admin-guide/mm/pagemap.rst`, `include/uapi/linux/fs.h` (Linux 6.7).
public enum PageScan {
  /// Not write-protected, in memory that is registered for it; elsewhere every page is.
  ///
  /// A page that was never there is one too.
  public static let written: UInt64 = 1 << 1
  public static let file: UInt64 = 1 << 2
  public static let present: UInt64 = 1 << 3
  public static let swapped: UInt64 = 1 << 4
  public static let zeroPage: UInt64 = 1 << 5
  public static let guardPage: UInt64 = 1 << 8

  /// Which pages to list, and what to do with them.
  public struct Request: Sendable, BitwiseCopyable {
    /// Categories that a page must all have.
    public var required: UInt64 = 0

    /// Categories of which a page must have at least one; 0: none is asked for.
    public var wanted: UInt64 = 0

    /// Categories to tell of a page.
    public var returned: UInt64 = 0

    /// Whether listed pages that are written are protected in the same step.
    ///
    /// With a whole range of pages that were never there, the kernel makes page tables for them.
    public var protects = false

    public init(
      required: UInt64 = 0, wanted: UInt64 = 0, returned: UInt64 = 0, protects: Bool = false
    ) {
      self.required = required
      self.wanted = wanted
      self.returned = returned
      self.protects = protects
    }

    /// Pages that are written, whether they are there or not: what the kernel lists fastest, as it
    /// looks at nothing but one bit of each page table entry.
    public static var writtenPages: Request { Request(required: written, returned: written) }

    /// Pages that are there and written, not counting those that were dropped.
    public static var writtenData: Request {
      Request(required: written, wanted: present | swapped, returned: written)
    }

    /// The same pages, protected from now on.
    public var protecting: Request {
      var request = self
      request.protects = true
      return request
    }
  }

  /// PM_SCAN_WP_MATCHING, PM_SCAN_CHECK_WPASYNC.
  private static let protectMatching: UInt64 = 1
  private static let checkRegistered: UInt64 = 2

  /// Lists runs of pages that have one of the wanted categories, in address order.
  ///
  /// - Parameter pagemap: a descriptor of /proc/self/pagemap.
  /// - Parameter wanted: categories of which a page must have at least one.
  /// - Parameter found: room for results.
  /// - Returns: how many runs, and where to go on; `nil` when the range is done.
  public static func next(
    _ pagemap: Int32, _ range: AddressRange, wanted: UInt64, returned: UInt64,
    into found: Address, capacity: Int
  ) throws(Errno) -> (count: Int, rest: AddressRange?) {
    try next(
      pagemap, range, Request(wanted: wanted, returned: returned), isRegistered: false,
      into: found, capacity: capacity)
  }

  /// Lists runs of pages, in address order.
  ///
  /// - Parameters:
  ///   - pagemap: a descriptor of a process's pagemap.
  ///   - isRegistered: whether all of the range must be registered for asynchronous write
  ///     protection.
  ///   - found: room for results, each a start, an end and the returned categories.
  /// - Returns: how many runs, and where to go on; `nil` when the range is done.
  /// - Throws: `notPermitted` when it must be registered and isn't.
  ///
  /// The kernel's `walk_end` is stale when fewer runs than there is room for come back: then the
  /// range is done.
  public static func next(
    _ pagemap: Int32, _ range: AddressRange, _ request: Request, isRegistered: Bool,
    into found: Address, capacity: Int
  ) throws(Errno) -> (count: Int, rest: AddressRange?) {
    var argument = ckernel_pm_scan_arg()
    argument.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
    argument.flags =
      (request.protects ? protectMatching : 0) | (isRegistered ? checkRegistered : 0)
    argument.start = range.start.rawValue
    argument.end = range.end.rawValue
    argument.vec = found.rawValue
    argument.vec_len = UInt64(capacity)
    argument.category_mask = request.required
    argument.category_anyof_mask = request.wanted
    argument.return_mask = request.returned
    // _IOWR('f', 16, struct pm_scan_arg)
    let count = try withAddress(of: &argument) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(pagemap), 0xC060_6610, address.argument)
    }
    guard count >= capacity else { return (count, nil) }
    let rest = AddressRange(start: argument.walk_end, end: range.end.rawValue)
    return (count, rest?.isEmpty == false ? rest : nil)
  }
}

/// One result of a scan.
///
/// Source: `include/uapi/linux/fs.h`, struct page_region.
public struct PageRun: Sendable, BitwiseCopyable {
  public var start: UInt64
  public var end: UInt64
  public var categories: UInt64

  public init(start: UInt64, end: UInt64, categories: UInt64) {
    self.start = start
    self.end = end
    self.categories = categories
  }

  public var range: AddressRange { AddressRange(start: start, end: end) ?? .empty }
}
