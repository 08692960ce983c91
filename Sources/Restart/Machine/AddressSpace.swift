internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// What limits the mappings of a process.
struct AddressSpaceLimits: BitwiseCopyable {
  /// Regions a process may have; 0: not known.
  ///
  /// Source: /proc/sys/vm/max_map_count.
  var regionCount: UInt64 = 0

  /// Bytes a process may map.
  ///
  /// Source: setrlimit(2), RLIMIT_AS.
  var byteCount = UInt64.max

  /// The lowest address that may be mapped.
  ///
  /// Source: /proc/sys/vm/mmap_min_addr.
  var lowest = Address.zero

  /// Above the highest address that user code may have.
  var end = Address(0x7fff_ffff_f000)
}

/// Whether the regions of an image fit into a process here.
struct AddressSpaceCheck {
  let own: AddressRange
  let limits: AddressSpaceLimits

  /// Regions that this program and the kernel need besides, while the image's are made.
  static let spareRegions: UInt64 = 16

  func check(_ regions: Records<ckpt_region>) throws(RestartFailure) {
    var byteCount: UInt64 = 0
    for index in 0..<regions.count where regions[index].kind != CKPT_REGION_VSYSCALL {
      let region = regions[index]
      guard let range = AddressRange(start: region.start, end: region.end) else {
        throw Self.refusal("the image is damaged at region", region.start, status: .damagedImage)
      }
      byteCount = byteCount &+ range.byteCount
      try check(range)
    }
    guard byteCount <= limits.byteCount else {
      throw RestartFailure(
        .failed, "the program's memory exceeds the limit on address space, which in bytes is",
        hint: "`ulimit -v unlimited`, then once more", number: limits.byteCount,
        numberStyle: .decimal)
    }
    guard limits.regionCount == 0 || UInt64(regions.count) + Self.spareRegions <= limits.regionCount
    else {
      throw RestartFailure(
        .missingKernelFeature, "the program has more memory regions than a process may have here:",
        hint: "as root: sysctl vm.max_map_count=1000000", number: UInt64(regions.count),
        numberStyle: .decimal)
    }
  }

  private func check(_ range: AddressRange) throws(RestartFailure) {
    if range.overlaps(own) {
      throw Self.refusal(
        "the program has memory where `restart` itself must be, at", range.start.rawValue)
    }
    if range.start < limits.lowest {
      throw Self.refusal(
        "the program has memory lower than this kernel allows, at", range.start.rawValue,
        hint: "as root: sysctl vm.mmap_min_addr=0, or restart it as root")
    }
    if range.end > limits.end {
      throw Self.refusal(
        "the program has memory higher than this kernel allows, at", range.start.rawValue,
        hint: "it needs a CPU and a kernel with five-level page tables")
    }
  }

  private static func refusal(
    _ what: StaticString, _ address: UInt64, hint: StaticString = "",
    status: RestartFailure.Status = .missingKernelFeature
  ) -> RestartFailure {
    RestartFailure(status, what, hint: hint, number: address, numberStyle: .hexadecimal)
  }
}

extension AddressSpaceLimits {
  /// Those of this process; the soft limit on address space is raised as far as it goes.
  static var here: AddressSpaceLimits {
    var here = AddressSpaceLimits()
    here.byteCount = raisedAddressSpaceLimit()
    here.regionCount = Sysctl.number("/proc/sys/vm/max_map_count") ?? 0
    if !canMap(at: Address(0x1000)) {
      here.lowest = Address(Sysctl.number("/proc/sys/vm/mmap_min_addr") ?? 0).roundedUpToPage
    }
    if canMap(at: Address(0xff_ffff_ffff_e000)) {
      here.end = Address(0xff_ffff_ffff_f000)
    }
    return here
  }

  private static func canMap(at address: Address) -> Bool {
    guard let page = AddressRange(start: address, byteCount: pageByteCount),
      let got = try? Mapping.map(
        at: address, byteCount: pageByteCount, .none, .private | .anonymous | .fixedNoReplace)
    else { return false }
    try? Mapping.unmap(page)
    return got == address
  }

  /// Source: prlimit(2).
  private static func raisedAddressSpaceLimit() -> UInt64 {
    guard var limit = try? ResourceLimit(ResourceLimit.addressSpace) else { return .max }
    guard limit.current != limit.maximum else { return limit.current }
    limit.current = limit.maximum
    try? limit.set(ResourceLimit.addressSpace)
    return limit.current
  }
}
