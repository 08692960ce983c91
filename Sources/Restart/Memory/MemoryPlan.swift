internal import CImage
internal import Kernel
internal import KernelABI

/// Where things go while the program's memory is put in place.
///
/// Decided before anything is touched.
struct MemoryPlan {
  /// For `restart`'s own tables.
  let scratch: AddressRange

  /// For the kernel's mappings, out of everybody's way.
  let kernelMappings: AddressRange

  /// For what the program is given as its new arguments; it stays.
  let arguments: AddressRange

  /// For memory that came ahead of the image.
  let precopied: AddressRange

  /// - Throws: when a region of the image lies where `restart` itself does, or nothing is free.
  init(
    _ image: LoadedImage, own: AddressRange, live: LiveMappings, isLazy: Bool,
    argumentByteCount: UInt64
  ) throws(RestartFailure) {
    try Self.check(image.regions, own: own)
    let regions = image.regions
    let others = live.mappings
    let liveCount = others.count
    let count = regions.count + liveCount + 1
    func taken(_ index: Int) -> AddressRange {
      if index < liveCount { return others[index].range }
      return index == liveCount ? own : regions[index - liveCount - 1].range
    }
    let first = FreeSpace.hole(
      byteCount: roundedUpToPage(RestoreArena.byteCount(for: image, isLazy: isLazy)),
      alignment: RestoreArena.hugePageByteCount, avoiding: count, taken)
    guard let scratch = first else { throw Self.noRoom }
    let hull = KernelMappings(in: live).hull
    let second = FreeSpace.hole(
      byteCount: hull.byteCount, alignment: pageByteCount, avoiding: count + 1
    ) { $0 == count ? scratch : taken($0) }
    guard let kernelMappings = second else { throw Self.noRoom }
    let third = FreeSpace.hole(
      byteCount: roundedUpToPage(argumentByteCount), alignment: pageByteCount,
      avoiding: count + 2
    ) { $0 == count ? scratch : $0 == count + 1 ? kernelMappings : taken($0) }
    guard let arguments = third else { throw Self.noRoom }
    let fourth = FreeSpace.hole(
      byteCount: image.precopied?.hull.byteCount ?? 0, alignment: RestoreArena.hugePageByteCount,
      avoiding: count + 3
    ) { (index) in
      switch index - count {
      case 0: scratch
      case 1: kernelMappings
      case 2: arguments
      default: taken(index)
      }
    }
    guard let precopied = fourth else { throw Self.noRoom }
    self.precopied = precopied
    self.arguments = arguments
    self.scratch = scratch
    self.kernelMappings = kernelMappings
  }

  private static var noRoom: RestartFailure {
    RestartFailure(
      .failed, "cannot restart: the program leaves no free addresses for the restart itself")
  }

  /// Refuses regions that would need the place of `restart`.
  static func check(
    _ regions: Records<ckpt_region>, own: AddressRange
  ) throws(RestartFailure) {
    for index in 0..<regions.count {
      let region = regions[index]
      guard region.range.overlaps(own) else { continue }
      throw RestartFailure(
        .failed, "cannot restart: a region of the program lies where this program is, at",
        hint: "programs linked below 0x200000 can't be restarted", number: region.start,
        numberStyle: .hexadecimal)
    }
  }

  // MARK: Clearing

  /// Moves the kernel's mappings away and unmaps all but them, the scratch memory, the
  /// arguments, what came ahead, and `own`.
  func clear(_ kernel: inout KernelMappings, own: AddressRange) throws(RestartFailure) {
    do throws(Errno) {
      try kernel.move(to: kernelMappings.start)
    } catch {
      throw RestartFailure(
        .missingKernelFeature, "cannot move the kernel's vdso", errno: error,
        hint: "kernels with CONFIG_MSEAL_SYSTEM_MAPPINGS don't allow it")
    }
    try during("cannot clear the address space") { () throws(Errno) in
      try unmapAllBut([own, scratch, kernelMappings, arguments, precopied])
    }
  }

  /// Unmaps gap by gap, whatever is in there; [vsyscall] lies beyond the end.
  private func unmapAllBut(_ all: InlineArray<5, AddressRange>) throws(Errno) {
    var position = Address.zero
    while true {
      var next = AddressRange.empty
      for index in all.indices {
        let kept = all[index]
        guard !kept.isEmpty, kept.start >= position else { continue }
        if next.isEmpty || kept.start < next.start { next = kept }
      }
      let end = next.isEmpty ? FreeSpace.end : next.start
      try Mapping.unmap(AddressRange(start: position.rawValue, end: end.rawValue) ?? .empty)
      guard !next.isEmpty else { return }
      position = next.end
    }
  }
}
