internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// A System V shared memory segment and the regions that show it.
struct SharedSegment {
  let work: RestoreArena
  let reader: DataReader

  /// Index of its record.
  let object: Int

  /// Where to say what comes back less than exactly, -1: nowhere.
  let notes: Int32

  private var record: ckpt_object { work.image.objects[object] }

  /// Attaches the segment wherever the program had it, with its contents.
  func attach() throws(RestartFailure) {
    let identifier = try make()
    var index = Int(work.firstOfObject[object])
    var isFilled = false
    var attached = AddressRange.empty
    while index >= 0 {
      let region = work.image.regions[index]
      let origin = region.range.start - region.file_offset
      if attached.isEmpty || attached.start != origin {
        attached = try attach(identifier, at: origin, region)
        if !isFilled { try reader.fill(object, from: work, at: origin) }
        isFilled = true
        try trim(attached, from: index)
      }
      index = Int(work.next[index])
    }
    settle(identifier)
  }

  private func attach(
    _ identifier: Int32, at origin: Address, _ region: ckpt_region
  ) throws(RestartFailure) -> AddressRange {
    try during(
      "cannot attach a System V shared memory segment at", number: origin.rawValue,
      numberStyle: .hexadecimal
    ) { () throws(Errno) in
      let status = try SharedSegments.status(of: identifier)
      try SharedSegments.attach(identifier, at: origin)
      return AddressRange(start: origin, byteCount: roundedUpToPage(status.byteCount)) ?? .empty
    }
  }

  /// Unmaps what the program had unmapped of this attachment.
  private func trim(_ attached: AddressRange, from first: Int) throws(RestartFailure) {
    var position = attached.start
    var index = first
    while index >= 0 {
      let region = work.image.regions[index]
      guard region.range.start - region.file_offset == attached.start else { break }
      try unmap(from: position, to: region.range.start)
      position = region.range.end
      index = Int(work.next[index])
    }
    try unmap(from: position, to: attached.end)
  }

  private func unmap(from start: Address, to end: Address) throws(RestartFailure) {
    guard let range = AddressRange(start: start.rawValue, end: end.rawValue) else { return }
    try during("cannot unmap a part of a System V segment") { () throws(Errno) in
      try Mapping.unmap(range)
    }
  }

  // MARK: Beside what is there

  /// Attaches the segment where there is room, fills it, and moves what the program had of it to its
  /// place: other memory lies around that already.
  func attachInParts() throws(RestartFailure) {
    let identifier = try make()
    var index = Int(work.firstOfObject[object])
    var isFilled = false
    while index >= 0 {
      let room = try attachAnywhere(identifier)
      if !isFilled { try reader.fill(object, from: work, at: room.start) }
      isFilled = true
      index = try move(room, from: index)
    }
    settle(identifier)
  }

  private func attachAnywhere(_ identifier: Int32) throws(RestartFailure) -> AddressRange {
    try during("cannot attach a System V shared memory segment") { () throws(Errno) in
      let status = try SharedSegments.status(of: identifier)
      let start = try SharedSegments.attach(identifier, at: .zero)
      return AddressRange(start: start, byteCount: roundedUpToPage(status.byteCount)) ?? .empty
    }
  }

  /// Moves the parts of one attachment and unmaps what is left of it.
  ///
  /// - Returns: the first region of the next attachment, -1: there is none.
  private func move(_ room: AddressRange, from first: Int) throws(RestartFailure) -> Int {
    let origin = work.image.regions[first].range.start - work.image.regions[first].file_offset
    var position: UInt64 = 0
    var index = first
    while index >= 0 {
      let region = work.image.regions[index]
      guard region.range.start - region.file_offset == origin else { break }
      let end = region.file_offset + region.range.byteCount
      guard region.file_offset >= position, end <= room.byteCount,
        let part = AddressRange(
          start: room.start + region.file_offset, byteCount: region.range.byteCount)
      else {
        throw RestartFailure(
          .damagedImage, "cannot restart: a System V segment is smaller than what shows it, at",
          number: region.start, numberStyle: .hexadecimal)
      }
      try unmap(from: room.start + position, to: part.start)
      try during(
        "cannot bring a System V segment to", number: region.start, numberStyle: .hexadecimal
      ) { () throws(Errno) in try Mapping.move(part, to: region.range.start) }
      position = end
      index = Int(work.next[index])
    }
    try unmap(from: room.start + position, to: room.end)
    return index
  }

  // MARK: Identity

  private func make() throws(RestartFailure) -> Int32 {
    try during(
      "cannot make a System V shared memory segment again",
      hint: "`ipcs -m` lists them; another process may use it", number: UInt64(key),
      numberStyle: .hexadecimal
    ) { () throws(Errno) in try acquire() }
  }

  /// Marks a segment that goes with its last user as the program had it, now that it has one.
  private func settle(_ identifier: Int32) {
    guard record.mode & SharedSegments.markedForRemoval != 0 else { return }
    try? SharedSegments.remove(identifier)
  }

  /// The key is a part of the name that the kernel gives it, /SYSV and eight digits.
  private var key: UInt32 {
    if record.sysv_key != 0 { return UInt32(bitPattern: record.sysv_key) }
    var cursor = TextCursor(
      Memory.bytes(
        at: work.image.address(of: record.name), count: Int(record.name.byte_count)))
    guard cursor.take("/SYSV") else { return 0 }
    return UInt32(truncatingIfNeeded: cursor.number(radix: 16) ?? 0)
  }

  /// The segment itself, left behind by a killed process, else one of the same key, else a new one.
  ///
  /// One without a key is the program's own only if the same process made it at the same time: after
  /// a reboot the number may be anybody's.
  private func acquire() throws(Errno) -> Int32 {
    if let status = try? SharedSegments.status(of: record.sysv_id), status.key == key,
      isOurs(status), isTheVery(status)
    {
      return record.sysv_id
    }
    guard key != 0 else { return try make(flags: Self.create) }
    do throws(Errno) {
      return try make(flags: Self.create | Self.exclusive)
    } catch {
      guard error == .exists else { throw error }
      let identifier = try get(flags: 0)
      guard isOurs(try SharedSegments.status(of: identifier)) else { throw .busy }
      return identifier
    }
  }

  private func isTheVery(_ status: SharedSegments.Status) -> Bool {
    key != 0
      || status.changed == record.modified_seconds
        && Int64(status.creator) == record.modified_nanoseconds
  }

  /// A new one, with the old identifier where that can be chosen.
  private func make(flags: Int) throws(Errno) -> Int32 {
    _ = try? SharedSegments.setNext(record.sysv_id)
    let identifier = try get(flags: flags)
    guard identifier != record.sysv_id else { return identifier }
    var line = Line("restart: note: System V shared memory segment ")
    line.append(decimal: Int64(record.sysv_id))
    line.append(" is gone; the program has a new one instead, ")
    line.append(decimal: Int64(identifier))
    line.append("\n")
    if notes >= 0 { line.write(to: notes) }
    return identifier
  }

  private static let create = 0o1000
  private static let exclusive = 0o2000

  private func get(flags: Int) throws(Errno) -> Int32 {
    var flags = flags | Int(record.mode & 0o777)
    let region = work.image.regions[Int(work.firstOfObject[object])]
    if region.has(CKPT_REGION_HUGE_TLB) { flags |= 0o4000 }
    return try SharedSegments.get(key: key, byteCount: record.byte_count, flags: flags)
  }

  /// Whether a segment may be filled with what the program had in it.
  private func isOurs(_ status: SharedSegments.Status) -> Bool {
    status.attachCount == 0 && status.owner == OwnIDs.effectiveUser
      && roundedUpToPage(status.byteCount) == roundedUpToPage(record.byte_count)
  }
}
