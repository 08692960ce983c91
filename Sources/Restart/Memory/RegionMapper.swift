internal import CImage
internal import Kernel
internal import KernelABI

/// Makes the mappings of the program, each of its own kind, at its own place.
struct RegionMapper {
  let work: RestoreArena
  let reader: DataReader
  let service: KernelService
  let notes: Int32

  /// Private mappings of files show the image's own file.
  var mapsImage = false

  /// Maps all regions; those that are to be filled can be written until `RegionState` is applied.
  func mapAll() throws(RestartFailure) {
    // A System V segment comes as a whole, so it needs the place of what follows it too.
    let shared = SharedRegions(work: work, reader: reader, notes: notes)
    try shared.attachSegments()
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      switch region.kind {
      case CKPT_REGION_ANONYMOUS: try mapAnonymous(region)
      case CKPT_REGION_VDSO, CKPT_REGION_VVAR:
        if service.mapsAsMemory(region) { try mapAnonymous(region) }
      case CKPT_REGION_PRIVATE_FILE, CKPT_REGION_SHARED, CKPT_REGION_VSYSCALL: break
      case CKPT_REGION_SHARED_FILE: try SharedFile.map(region, work)
      default:
        throw RestartFailure(
          .damagedImage, "cannot restart: unknown kind of region at", number: region.start,
          numberStyle: .hexadecimal)
      }
    }
    try shared.mapObjects()
    try PrivateFiles(work: work, reader: reader, mapsImage: mapsImage).mapAll()
  }

  /// Maps what the program has for itself, to be filled from a stream.
  func mapPrivate() throws(RestartFailure) {
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      let isKernel = region.kind == CKPT_REGION_VDSO || region.kind == CKPT_REGION_VVAR
      if region.kind == CKPT_REGION_ANONYMOUS || isKernel && service.mapsAsMemory(region) {
        try mapAnonymous(region)
      }
    }
    try PrivateFiles(work: work, reader: reader).mapAll()
  }

  /// Maps the rest, once all of the stream is there.
  func mapShared() throws(RestartFailure) {
    for index in 0..<work.image.regions.count
    where work.image.regions[index].kind == CKPT_REGION_SHARED_FILE {
      try SharedFile.map(work.image.regions[index], work)
    }
    let shared = SharedRegions(work: work, reader: reader, notes: notes)
    try shared.mapObjects()
    try shared.attachSegments()
  }

  private func mapAnonymous(_ region: ckpt_region) throws(RestartFailure) {
    var flags = MapFlags.anonymous | (region.has(CKPT_REGION_DROPPABLE) ? .droppable : .private)
    if region.has(CKPT_REGION_NO_RESERVE) { flags = flags | .noReserve }
    if region.has(CKPT_REGION_GROWS_DOWN) { flags = flags | .growsDown }
    if region.has(CKPT_REGION_HUGE_TLB), try mapHuge(region, flags) { return }
    try region.map(work, flags)
  }

  /// - Returns: whether there were enough huge pages.
  private func mapHuge(_ region: ckpt_region, _ flags: MapFlags) throws(RestartFailure) -> Bool {
    // Source: mmap(2), MAP_HUGE_SHIFT: the logarithm of the page size lies in bits 26 to 31.
    let size = Int32(region.huge_page_bytes.trailingZeroBitCount) << 26
    do throws(Errno) {
      try Mapping.map(
        at: region.range.start, byteCount: region.range.byteCount,
        region.initialProtection(work),
        flags | .hugeTLB | MapFlags(rawValue: size) | .fixedNoReplace)
      return true
    } catch {
      var line = Line("restart: note: not enough huge pages, ordinary ones for region 0x")
      line.append(hex: region.start)
      line.append("\n")
      if notes >= 0 { line.write(to: notes) }
      return false
    }
  }
}

extension ckpt_region {
  /// Maps the region where it belongs.
  ///
  /// The place is free: the address space was cleared, and nothing else has it by the plan.
  func map(
    _ work: RestoreArena, _ flags: MapFlags, descriptor: Int32 = -1, offset: UInt64 = 0
  ) throws(RestartFailure) {
    do throws(Errno) {
      try Mapping.map(
        at: range.start, byteCount: range.byteCount, initialProtection(work),
        flags | .fixedNoReplace, descriptor: descriptor, offset: offset)
    } catch {
      throw RestartFailure(
        .failed, "cannot map region", errno: error, hint: Self.hint(for: error), number: start,
        numberStyle: .hexadecimal, name: work.image.address(of: path),
        nameByteCount: Int(path.byte_count))
    }
  }

  static func hint(for error: Errno) -> StaticString {
    switch error {
    case .outOfMemory:
      "too little memory, or a limit: see `ulimit -v`, vm.max_map_count and vm.overcommit_memory"
    case .notPermitted: "the address lies below vm.mmap_min_addr"
    case .tryAgain: "the limit of locked memory is too low: see `ulimit -l`"
    default: ""
    }
  }

  /// What the region must allow while it is filled.
  func initialProtection(_ work: RestoreArena) -> Protection {
    isFilled(work) ? .read | .write : finalProtection
  }

  /// Whether `restart` writes into the region.
  func isFilled(_ work: RestoreArena) -> Bool {
    if kind == CKPT_REGION_VDSO { return true }
    let spans = work.image.spans
    var index = spans.firstIndex(endingBehind: range.start)
    while index < spans.count, spans[index].address < range.end {
      if !spans[index].isClean { return true }
      index += 1
    }
    return false
  }
}
