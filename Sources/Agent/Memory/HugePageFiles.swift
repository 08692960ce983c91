internal import CImage
internal import Kernel
internal import KernelABI

/// Tells shared memory on pages of hugetlbfs from other shared memory.
///
/// /proc/self/smaps would, but is read later. The kernel has a file system for each size of page, in
/// which anonymous memory, memfds and System V segments lie alike; an empty memfd tells its device.
enum HugePageFiles {
  /// MFD_HUGETLB, and where the logarithm of the page's size begins.
  private static let isHuge: UInt32 = 4
  private static let shift: UInt32 = 26

  /// MFD_HUGETLB with the page's size, as memfd_create(2) takes it; 0 for all other memory.
  static func flags(of region: ckpt_region) -> UInt32 {
    let fit = (region.start | region.end | region.file_offset).trailingZeroBitCount
    guard region.inode != 0 else { return 0 }
    let sizes: InlineArray<2, UInt32> = [21, 30]
    for index in sizes.indices where fit >= Int(sizes[index]) {
      let flags = isHuge | sizes[index] << shift
      if device(flags) == region.device { return flags }
    }
    return 0
  }

  private static func device(_ flags: UInt32) -> UInt64? {
    let name: StaticString = "ckpt-size"
    guard let number = try? Files.memoryFile(name: name.address, flags: flags) else { return nil }
    defer { closeDescriptor(number) }
    return (try? FileStatus(of: number))?.device
  }
}
