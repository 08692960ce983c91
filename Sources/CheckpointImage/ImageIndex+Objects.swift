internal import CImage
internal import KernelABI

extension ImageIndex {
  /// Checks objects and extents.
  mutating func checkObjects(_ head: RawSpan) throws(ImageError) {
    let objects = ImageRecords<ckpt_object>(self.objects, in: head)
    var nextExtent = 0
    for index in 0..<objects.count {
      let object = objects[index]
      let place = objects.offset(of: index)
      try require(
        object.kind >= CKPT_OBJECT_SHARED_ANONYMOUS && object.kind <= CKPT_OBJECT_SHARED_FILE,
        .badObjectKind, at: place, UInt64(object.kind))
      try require(object.byte_count < 1 << 62, .badObjectSize, at: place, object.byte_count)
      try check(object.name, at: place)
      guard object.extent_count > 0 else { continue }
      try require(
        object.first_extent == UInt64(nextExtent)
          && object.extent_count <= UInt64(extents.count - nextExtent),
        .badObjectExtents, at: place, object.first_extent)
      try checkExtents(of: object, head)
      nextExtent += Int(object.extent_count)
    }
    try require(
      nextExtent == extents.count, .strayExtents, at: UInt64(extents.offset),
      UInt64(extents.count))
  }

  /// An extent may fill the last page of its object: that is what a mapping of it shows.
  private mutating func checkExtents(
    of object: ckpt_object, _ head: RawSpan
  ) throws(ImageError) {
    let extents = ImageRecords<ckpt_extent>(self.extents, in: head)
    let objectEnd = roundedUpToPage(object.byte_count)
    let first = Int(object.first_extent)
    var previousEnd: UInt64 = 0
    for position in first..<(first + Int(object.extent_count)) {
      let extent = extents[position]
      let place = extents.offset(of: position)
      try require(
        extent.byte_count > 0 && extent.offset < objectEnd
          && extent.byte_count <= objectEnd - extent.offset
          && (extent.offset % pageByteCount == 0 || object.kind == CKPT_OBJECT_BYTES),
        .badExtentRange, at: place, extent.offset)
      try require(extent.offset >= previousEnd, .extentsOutOfOrder, at: place, extent.offset)
      previousEnd = extent.offset + extent.byte_count
      try require(addPieces(of: extent.byte_count), .badExtentRange, at: place, extent.byte_count)
    }
  }

  /// Where a run's bytes lie that its region's object holds: in one extent, to its page's end.
  ///
  /// - Precondition: runs, regions, objects and extents were checked.
  func checkObjectRun(
    _ run: ckpt_run, _ head: RawSpan, at place: UInt64
  ) throws(ImageError) {
    let region = ImageRecords<ckpt_region>(regions, in: head)[Int(run.region)]
    let object = ImageRecords<ckpt_object>(objects, in: head)[Int(region.object)]
    let offset = region.file_offset + (run.address - region.start)
    let found = extent(of: object, at: offset, head)
    let inside = offset &- found.offset
    try require(
      offset >= found.offset
        && inside < roundedUpToPage(found.byte_count)
        && run.byte_count <= roundedUpToPage(found.byte_count) - inside
        && run.file_offset == found.file_offset + inside, .badRunPlace, at: place,
      run.file_offset)
  }

  /// The last extent of the object that starts at or before `offset`, else an empty one.
  private func extent(
    of object: ckpt_object, at offset: UInt64, _ head: RawSpan
  ) -> ckpt_extent {
    let extents = ImageRecords<ckpt_extent>(self.extents, in: head)
    guard object.extent_count > 0 else { return ckpt_extent() }
    var low = Int(object.first_extent)
    var high = low + Int(object.extent_count)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if extents[middle].offset <= offset { low = middle } else { high = middle }
    }
    return extents[low]
  }
}
