internal import CKernel
public import KernelABI

/// What the kernel knows of the pages of a range: PAGEMAP_SCAN.
///
/// Source: `Documentation/admin-guide/mm/pagemap.rst`, `include/uapi/linux/fs.h` (Linux 6.7).
public enum PageScan {
  public static let file: UInt64 = 1 << 2
  public static let present: UInt64 = 1 << 3
  public static let swapped: UInt64 = 1 << 4
  public static let zeroPage: UInt64 = 1 << 5
  public static let guardPage: UInt64 = 1 << 8

  /// Lists runs of pages that have one of the wanted categories, in address order.
  ///
  /// - Parameter pagemap: a descriptor of /proc/self/pagemap.
  /// - Parameter wanted: categories of which a page must have at least one.
  /// - Parameter found: room for results.
  /// - Returns: how many runs, and where to go on; `nil` when the range is done.
  ///
  /// The kernel's `walk_end` is stale when fewer runs than there is room for come back: then the
  /// range is done.
  public static func next(
    _ pagemap: Int32, _ range: AddressRange, wanted: UInt64, returned: UInt64,
    into found: Address, capacity: Int
  ) throws(Errno) -> (count: Int, rest: AddressRange?) {
    var argument = ckernel_pm_scan_arg()
    argument.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
    argument.start = range.start.rawValue
    argument.end = range.end.rawValue
    argument.vec = found.rawValue
    argument.vec_len = UInt64(capacity)
    argument.category_anyof_mask = wanted
    argument.return_mask = returned
    // _IOWR('f', 16, struct pm_scan_arg)
    let count = try withAddress(of: &argument) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(pagemap), 0xC060_6610, address.argument)
    }
    guard count >= capacity else { return (count, nil) }
    return (count, AddressRange(start: argument.walk_end, end: range.end.rawValue))
  }
}
