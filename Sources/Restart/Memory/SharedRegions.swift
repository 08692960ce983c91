internal import CImage
internal import Kernel
internal import KernelABI

/// Regions that show an object: memory that several mappings, descriptors or processes share.
struct SharedRegions {
  let work: RestoreArena
  let reader: DataReader

  /// Where to say what comes back less than exactly, -1: nowhere.
  var notes: Int32 = -1

  /// Source: `include/uapi/linux/fcntl.h`, F_SEAL_WRITE.
  private static let sealWrite: UInt32 = 8

  /// Makes the objects that need a descriptor, while `objects` and the image's names are at hand.
  static func prepare(
    _ work: inout RestoreArena, _ objects: ObjectRestore
  ) throws(RestartFailure) {
    for index in 0..<work.image.objects.count {
      let kind = work.image.objects[index].kind
      let isShown = work.firstOfObject[index] >= 0 && kind != CKPT_OBJECT_SYSV
      let isPlain = kind == CKPT_OBJECT_SHARED_ANONYMOUS && isOneMapping(index, work)
      if objects.descriptors[index] >= 0 || isShown && !isPlain {
        work.objectDescriptors[index] = try objects.descriptor(for: index)
      }
    }
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      guard region.kind == CKPT_REGION_SHARED_FILE,
        Int(region.object) < work.image.objects.count,
        work.objectDescriptors[Int(region.object)] < 0,
        try !SharedFile.isUsable(region, work)
      else { continue }
      let object = Int(region.object)
      work.objectDescriptors[object] = try objects.descriptor(for: object)
    }
  }

  /// Whether the regions that show an object are what is left of one mapping, which only changes
  /// of protection divided: then it needs no file.
  private static func isOneMapping(_ object: Int, _ work: RestoreArena) -> Bool {
    let range = span(of: object, work)
    var end = range.start
    var index = Int(work.firstOfObject[object])
    let origin = work.image.regions[index].file_offset
    while index >= 0 {
      let region = work.image.regions[index]
      let offset = region.range.start - range.start
      guard region.range.start == end, region.file_offset - origin == offset else { return false }
      end = region.range.end
      index = Int(work.next[index])
    }
    let record = work.image.objects[object]
    for number in 0..<record.extent_count {
      let extent = work.image.extents[Int(record.first_extent + number)]
      guard extent.offset >= origin, extent.offset + extent.byte_count - origin <= range.byteCount
      else { return false }
    }
    return true
  }

  /// From the first to the last region that shows an object.
  private static func span(of object: Int, _ work: RestoreArena) -> AddressRange {
    var index = Int(work.firstOfObject[object])
    let start = work.image.regions[index].start
    var end = start
    while index >= 0 {
      end = work.image.regions[index].end
      index = Int(work.next[index])
    }
    return AddressRange(start: start, end: end) ?? .empty
  }

  // MARK: Mapping

  /// Attaches the System V segments.
  func attachSegments() throws(RestartFailure) {
    for object in 0..<work.image.objects.count
    where work.image.objects[object].kind == CKPT_OBJECT_SYSV && work.firstOfObject[object] >= 0 {
      let segment = SharedSegment(work: work, reader: reader, object: object, notes: notes)
      if work.stream == nil { try segment.attach() } else { try segment.attachInParts() }
    }
  }

  /// Maps all other objects, and closes their descriptors.
  func mapObjects() throws(RestartFailure) {
    for object in 0..<work.image.objects.count {
      let record = work.image.objects[object]
      let descriptor = work.objectDescriptors[object]
      // Before: only then is a mapping of it one that can't become writable.
      if record.seals & Self.sealWrite != 0 { try seal(object) }
      if work.firstOfObject[object] >= 0, record.kind != CKPT_OBJECT_SYSV {
        if descriptor < 0 { try mapWhole(object) } else { try map(object, descriptor) }
      }
      try seal(object)
      if descriptor >= 0 { closeDescriptor(descriptor) }
    }
  }

  private func map(_ object: Int, _ descriptor: Int32) throws(RestartFailure) {
    var index = Int(work.firstOfObject[object])
    while index >= 0 {
      let region = work.image.regions[index]
      try region.map(work, .shared, descriptor: descriptor, offset: region.file_offset)
      index = Int(work.next[index])
    }
  }

  /// Shared anonymous memory in one mapping, filled in place.
  private func mapWhole(_ object: Int) throws(RestartFailure) {
    let range = Self.span(of: object, work)
    let region = work.image.regions[Int(work.firstOfObject[object])]
    var flags = MapFlags.shared | .anonymous | .fixedNoReplace
    if region.has(CKPT_REGION_NO_RESERVE) { flags = flags | .noReserve }
    if region.has(CKPT_REGION_HUGE_TLB) {
      let size = Int32(region.huge_page_bytes.trailingZeroBitCount) << 26
      flags = flags | .hugeTLB | MapFlags(rawValue: size)
    }
    do throws(Errno) {
      try Mapping.map(at: range.start, byteCount: range.byteCount, .read | .write, flags)
    } catch {
      throw RestartFailure(
        .failed, "cannot map shared memory at", errno: error, hint: ckpt_region.hint(for: error),
        number: region.start, numberStyle: .hexadecimal)
    }
    try reader.fill(object, from: work, at: range.start - region.file_offset)
  }

  private func seal(_ object: Int) throws(RestartFailure) {
    let record = work.image.objects[object]
    let descriptor = work.objectDescriptors[object]
    guard descriptor >= 0, record.kind == CKPT_OBJECT_MEMFD, record.seals != 0 else { return }
    try during(
      "cannot seal shared memory", name: work.image.address(of: record.name),
      nameByteCount: Int(record.name.byte_count)
    ) { () throws(Errno) in
      guard try Descriptors.seals(descriptor) != record.seals else { return }
      try Descriptors.addSeals(descriptor, record.seals)
    }
  }
}

extension DataReader {
  /// Reads an object's contents into a mapping of it; `origin` is where the object's first byte
  /// lies, or would.
  func fill(
    _ object: Int, from work: RestoreArena, at origin: Address
  ) throws(RestartFailure) {
    let record = work.image.objects[object]
    for number in 0..<record.extent_count {
      let index = Int(record.first_extent + number)
      let extent = work.image.extents[index]
      var pieces = DataPieces(ofExtent: index, in: work.image, at: origin + extent.offset)
      while let piece = pieces.next() { try read(piece) }
    }
  }
}
