internal import CKernel
internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// Asks the kernel which pages of a process were written since they were protected.
///
/// Source: PAGEMAP_SCAN, `Documentation/admin-guide/mm/pagemap.rst` (Linux 6.7).
enum WrittenScan {
  /// PAGE_IS_WRITTEN.
  private static let written: UInt64 = 1 << 1
  private static let capacity: UInt64 = 65_536

  /// - Returns: nanoseconds of the calls.
  static func time(_ pid: Int32) throws(Errno) -> UInt64 {
    let pagemap = try HostFiles.open("/proc/\(pid)/pagemap", .readOnly)
    let room = try Mapping.map(
      byteCount: capacity * 24, .read | .write, .private | .anonymous | .populate)
    defer {
      if let range = AddressRange(start: room, byteCount: capacity * 24) {
        try? Mapping.unmap(range)
      }
    }
    var argument = ckernel_pm_scan_arg()
    argument.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
    argument.end = 0x7FFF_FFFF_F000
    argument.vec = room.rawValue
    argument.vec_len = capacity
    argument.category_mask = written
    argument.return_mask = written
    let start = Clock.monotonic
    while true {
      let count = try withAddress(of: &argument) { (address) throws(Errno) in
        try systemCall(SyscallNumber.ioctl, Int(pagemap.number), 0xC060_6610, address.argument)
      }
      guard UInt64(count) == capacity else { return Clock.monotonic - start }
      argument.start = argument.walk_end
    }
  }
}
