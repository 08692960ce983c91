internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Memory of the program that came while it still ran elsewhere, page by page, and waits for its image.
///
/// It waits in ordinary memory, page for page as it will be used: in the end it is moved, not copied.
/// Whether a page is the one that the image means is told by its place, and by its digest.
struct PrecopiedMemory: BitwiseCopyable {
  private(set) var areas: Table<PrecopiedArea>

  /// Where the pages wait.
  private(set) var hull: AddressRange

  /// Where in the image's file the places begin.
  let dataStart: UInt64
  private let pageCount: UInt64

  /// How many places have been given out; the image begins to come behind them.
  private(set) var placeCount: UInt64 = 0

  private var isCollapsed = false

  /// By number of a page: its place and 1, 0: it did not come; then by place: the digest.
  private let tables: AddressRange
  private var digests: Address { tables.start + roundedUpToPage(pageCount * 4) }

  /// Bytes that are read and digested at a time: they are still in the processor's cache then.
  private static let chunkByteCount: UInt64 = 256 << 10

  /// The agent copies no more regions, and no more pages.
  static let areaLimit = 4096
  static let pageLimit: UInt64 = 1 << 30
  private static let offsetLimit: UInt64 = 1 << 56

  private init(_ areas: Table<PrecopiedArea>, _ start: ckpt_rounds) throws(Errno) {
    let last = areas.count > 0 ? areas[areas.count - 1] : nil
    let byteCount = last.map { $0.offset + $0.room.byteCount } ?? 0
    let pageCount = start.page_count
    hull = byteCount > 0 ? try Self.room(byteCount) : .empty
    let size = roundedUpToPage(pageCount * 4) + roundedUpToPage(pageCount * 8) + pageByteCount
    let tables = try Mapping.map(
      byteCount: size, .read | .write, .private | .anonymous | .noReserve)
    self.tables = AddressRange(start: tables, byteCount: size) ?? .empty
    self.areas = areas
    self.pageCount = pageCount
    dataStart = start.data_start
    // Only the process that becomes the program has it in the end.
    try? Mapping.advise(hull, Advice.dontFork)
    try? Mapping.advise(self.tables, Advice.dontFork)
  }

  /// Memory that starts at a multiple of 2 MiB.
  ///
  /// Where it can be had it counts as memory that is used, as that of most programs does.
  private static func room(_ byteCount: UInt64) throws(Errno) -> AddressRange {
    let size = byteCount + RestoreArena.hugePageByteCount
    let start: Address
    do throws(Errno) {
      start = try Mapping.map(byteCount: size, .read | .write, .private | .anonymous)
    } catch {
      start = try Mapping.map(
        byteCount: size, .read | .write, .private | .anonymous | .noReserve)
    }
    let mask = RestoreArena.hugePageByteCount - 1
    let aligned = Address((start.rawValue + mask) & ~mask)
    guard let range = AddressRange(start: aligned, byteCount: byteCount) else {
      throw .outOfMemory
    }
    try Mapping.unmap(
      AddressRange(start: start.rawValue, end: range.start.rawValue) ?? .empty)
    try Mapping.unmap(
      AddressRange(start: range.end.rawValue, end: (start + size).rawValue) ?? .empty)
    return range
  }

  // MARK: Taking them in

  /// Takes rounds off a stream, up to the first byte of the image.
  ///
  /// - Parameter stream: behind the first 8 bytes, which were CKPT_ROUNDS_MAGIC.
  /// - Returns: `nil` when they do not count: the image has all of the memory.
  static func take(_ stream: inout StreamInput) throws(RestartFailure) -> PrecopiedMemory? {
    var start = ckpt_rounds()
    start.magic = CKPT_ROUNDS_MAGIC
    try stream.read(into: &start, from: 8)
    guard start.version == CKPT_ROUNDS_VERSION else { throw damage }
    let areas = try readAreas(start, &stream)
    var rounds = try during("cannot get memory for the program") { () throws(Errno) in
      try PrecopiedMemory(areas, start)
    }
    while true {
      var frame = ckpt_round_frame()
      try stream.read(into: &frame)
      switch frame.kind {
      case CKPT_FRAME_PAGES: try rounds.take(frame, from: &stream)
      case CKPT_FRAME_ROUND: rounds.collapse()
      case CKPT_FRAME_END: break
      case CKPT_FRAME_IMAGE: return try rounds.end(frame)
      default: throw damage
      }
    }
  }

  /// Makes huge pages of what has come, the first time: the process that becomes the program inherits
  /// page tables, and there are five hundred times fewer of their entries then.
  ///
  /// Only where all of a huge page came: the program shall not need more memory than it had. Nothing of it
  /// is left on the mapping.
  private mutating func collapse() {
    guard !isCollapsed else { return }
    isCollapsed = true
    guard HugePages.Setting.here == .onRequest else { return }
    for index in 0..<areas.count { collapse(areas[index]) }
  }

  private func collapse(_ area: PrecopiedArea) {
    let size = HugePages.size
    let first = Address((area.range.start.rawValue + size - 1) & ~(size - 1))
    var (start, end) = (first, first)
    while end <= area.range.end {
      if end + size <= area.range.end, isWhole(area.page(at: end)) {
        end = end + size
        continue
      }
      if start < end,
        let whole = AddressRange(
          start: area.place(of: start, from: hull.start), byteCount: end - start)
      {
        try? Mapping.advise(whole, Advice.collapse)
      }
      end = end + size
      start = end
    }
  }

  /// Whether all pages of a huge one have come, from a number on.
  private func isWhole(_ page: UInt64) -> Bool {
    for index in 0..<HugePages.size / pageByteCount
    where Memory.load(UInt32.self, at: tables.start + (page + index) * 4) == 0 { return false }
    return true
  }

  private static func readAreas(
    _ start: ckpt_rounds, _ stream: inout StreamInput
  ) throws(RestartFailure) -> Table<PrecopiedArea> {
    let count = Int(start.region_count)
    guard count <= areaLimit, start.page_count < pageLimit,
      start.data_start < offsetLimit, start.data_start % pageByteCount == 0
    else { throw damage }
    var areas = try during("cannot get memory for the restart") { () throws(Errno) in
      var arena = try Arena(
        mapping: UInt64((count + 1) * MemoryLayout<PrecopiedArea>.stride) + 4096)
      return try Table<PrecopiedArea>(in: &arena, capacity: count)
    }
    var (offset, page, end) = (UInt64(0), UInt64(0), UInt64(0))
    for _ in 0..<count {
      var region = ckpt_rounds_region()
      try stream.read(into: &region)
      guard let range = AddressRange(start: region.start, end: region.end), !range.isEmpty,
        region.start >= end, range.end <= FreeSpace.end,
        (region.start | region.end) % pageByteCount == 0
      else { throw damage }
      let area = PrecopiedArea(range, offset: offset, firstPage: page)
      guard (try? areas.append(area)) != nil else { throw damage }
      offset += area.room.byteCount
      page += range.byteCount / pageByteCount
      end = region.end
    }
    guard page == start.page_count else { throw damage }
    return areas
  }

  private mutating func take(
    _ frame: ckpt_round_frame, from stream: inout StreamInput
  ) throws(RestartFailure) {
    let count = UInt64(frame.count)
    guard count > 0, frame.address % pageByteCount == 0,
      let range = AddressRange(start: Address(frame.address), byteCount: count * pageByteCount),
      let area = areas.area(at: range.start), range.end <= area.range.end,
      frame.place < pageCount, count <= pageCount - frame.place
    else { throw Self.damage }
    var done: UInt64 = 0
    while done < range.byteCount {
      let part = min(range.byteCount - done, Self.chunkByteCount)
      let bytes = area.place(of: range.start + done, from: hull.start)
      try stream.read(to: bytes, byteCount: part)
      note(
        bytes, part / pageByteCount, area.page(at: range.start + done),
        frame.place + done / pageByteCount)
      done += part
    }
  }

  private func note(_ bytes: Address, _ count: UInt64, _ page: UInt64, _ place: UInt64) {
    for index in 0..<count {
      let one = Memory.bytes(at: bytes + index * pageByteCount, count: Int(pageByteCount))
      Memory.store(XXH3.digest(one), at: digests + (place + index) * 8)
      Memory.store(UInt32(place + index + 1), at: tables.start + (page + index) * 4)
    }
  }

  private mutating func end(_ frame: ckpt_round_frame) throws(RestartFailure) -> PrecopiedMemory? {
    guard frame.count == 1 else {
      drop()
      return nil
    }
    guard frame.place <= pageCount else { throw Self.damage }
    placeCount = frame.place
    return self
  }

  static var damage: RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart the stream", why: "what was copied ahead is damaged",
      hint: "nothing of the program has run; send it again")
  }

  // MARK: What the image says of them

  /// Where in the image's file its bytes come again.
  var dataEnd: UInt64 { dataStart + placeCount * pageByteCount }

  /// Whether the bytes of a span came ahead.
  func has(_ span: Span) -> Bool {
    span.source == 0 && span.fileOffset >= dataStart && span.fileOffset < dataEnd
  }

  /// The digest of a page that came ahead.
  ///
  /// - Parameters:
  ///   - address: where the image wants it.
  ///   - offset: where the image says that it is.
  /// - Throws: when it is not there.
  func digest(of address: Address, at offset: UInt64) throws(RestartFailure) -> UInt64 {
    let place = (offset - dataStart) / pageByteCount
    guard offset % pageByteCount == 0, place < placeCount, let area = areas.area(at: address),
      UInt64(Memory.load(UInt32.self, at: tables.start + area.page(at: address) * 4))
        == place + 1
    else { throw Self.damage }
    return Memory.load(at: digests + place * 8)
  }

  // MARK: Between processes

  /// Lets the next child have it, and nobody else.
  func bequeath() {
    try? Mapping.advise(hull, Advice.doFork)
    try? Mapping.advise(tables, Advice.doFork)
  }

  /// Lets go of it.
  func drop() {
    try? Mapping.unmap(hull)
    try? Mapping.unmap(tables)
  }

  /// The same with a table that lies elsewhere.
  func keeping(areas: Table<PrecopiedArea>) -> PrecopiedMemory {
    var rounds = self
    rounds.areas = areas
    return rounds
  }

  /// Brings it out of the way of the program's regions.
  mutating func move(to place: AddressRange) throws(Errno) {
    guard !hull.isEmpty else { return }
    try Mapping.move(hull, to: place.start)
    hull = place
  }
}

extension StreamInput {
  /// Reads a record, or what is left of it.
  mutating func read<T: BitwiseCopyable>(
    into record: inout T, from offset: UInt64 = 0
  ) throws(RestartFailure) {
    let size = UInt64(MemoryLayout<T>.size)
    var input = self
    let result = try? withAddress(of: &record) {
      (address) throws(Errno) -> Result<Void, RestartFailure> in
      do throws(RestartFailure) {
        return .success(try input.read(to: address + offset, byteCount: size - offset))
      } catch {
        return .failure(error)
      }
    }
    self = input
    if case .failure(let failure) = result { throw failure }
  }
}
