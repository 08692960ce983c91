internal import CImage
import CheckpointImage

extension TestImage {
  /// The whole file, with right offsets and digests.
  public func bytes() -> [UInt8] {
    let head = headBytes()
    var placed = self
    let end = placed.place(from: head.count)
    var file = head + [UInt8](repeating: 0xaa, count: Int(end.digestsOffset) - head.count)
    var digests: [UInt64] = []
    for (index, run) in placed.runs.enumerated() where run.hasDigests {
      let data = data(ofRun: index)
      digests += pageDigests(data)
      guard run.kind == CKPT_RUN_HERE else { continue }
      file.replaceSubrange(Int(run.file_offset)..<Int(run.file_offset) + data.count, with: data)
    }
    for (index, extent) in placed.extents.enumerated() {
      let data = pattern(Int(extent.byte_count), 1000 + index)
      digests += pageDigests(data)
      let filled = data + [UInt8](repeating: 0, count: -data.count & 4095)
      let start = Int(extent.file_offset)
      file.replaceSubrange(start..<start + filled.count, with: filled)
    }
    return file + section(head, digests) + tail(end)
  }

  /// The bytes of a run that is here or in a file.
  public func data(ofRun index: Int) -> [UInt8] {
    contents[index] ?? pattern(Int(runs[index].byte_count), index)
  }

  /// A page for each seed: made once, since an image can have thousands of runs.
  private static let pages = (0..<256).map { seed in
    (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
  }

  private func pattern(_ byteCount: Int, _ seed: Int) -> [UInt8] {
    var page = Self.pages[seed & 255]
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: byteCount, by: 4096) {
      page.replaceSubrange(0..<8, with: raw(UInt64(start)))
      bytes += page[..<min(4096, byteCount - start)]
    }
    return bytes
  }

  private func pageDigests(_ data: [UInt8]) -> [UInt64] {
    stride(from: 0, to: data.count, by: 4096).map { start in
      digest(Array(data[start..<min(data.count, start + 4096)]))
    }
  }

  /// The head alone, in whole pages, as it is in front of data.
  public func headBytes() -> [UInt8] {
    var placed = self
    let byteCount = padded(placed.head(end: ImageEnd(digestsOffset: 0, pieceCount: 0)).count)
    let end = placed.place(from: byteCount)
    let head = placed.head(end: end)
    return head + [UInt8](repeating: 0, count: byteCount - head.count)
  }

  private func padded(_ count: Int) -> Int { (count + 4095) & ~4095 }

  /// Assigns the file offsets; what comes behind the data.
  private mutating func place(from start: Int) -> ImageEnd {
    var sizes = runs.map { $0.kind == CKPT_RUN_HERE ? $0.byte_count : 0 }
    sizes += extents.map(\.byte_count)
    var offset = UInt64(start)
    var offsets = sizes.map { _ in 0 as UInt64 }
    for index in isScattered ? Array(sizes.indices.reversed()) : Array(sizes.indices) {
      offsets[index] = offset
      offset &+= (sizes[index] &+ 4095) & ~4095
      if isScattered { offset += 4096 }
    }
    for index in runs.indices where runs[index].kind == CKPT_RUN_HERE {
      runs[index].file_offset = offsets[index]
    }
    for index in extents.indices { extents[index].file_offset = offsets[runs.count + index] }
    for index in runs.indices { pointRun(index) }
    let pieces =
      runs.filter(\.hasDigests).map(\.byte_count) + extents.map(\.byte_count)
    return ImageEnd(
      digestsOffset: offset, pieceCount: pieces.reduce(0) { $0 &+ Pieces.count(of: $1) })
  }

  /// Gives a run the offset that follows from its region.
  private mutating func pointRun(_ index: Int) {
    let run = runs[index]
    guard Int(run.region) < regions.count else { return }
    let region = regions[Int(run.region)]
    let place = region.file_offset &+ (run.address &- region.start)
    if run.kind == CKPT_RUN_FILE { runs[index].file_offset = place }
    guard run.kind == CKPT_RUN_OBJECT, region.object < UInt32(objects.count) else { return }
    let first = Int(objects[Int(region.object)].first_extent)
    guard first < extents.count else { return }
    runs[index].file_offset = extents[first].file_offset &+ place
  }

  // MARK: Head

  private func head(end: ImageEnd) -> [UInt8] {
    let loads = runs.filter(isShown)
    let notes = coreNotes() + notesBefore + ownNotes() + notesAfter
    let notesOffset = 64 + 56 * (loads.count + 1)
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    bytes += raw(UInt16(4)) + raw(UInt16(62)) + raw(UInt32(1)) + raw(UInt64(0)) + raw(UInt64(64))
    bytes += raw(end.sectionsOffset) + raw(UInt32(0)) + raw(UInt16(64)) + raw(UInt16(56))
    bytes += raw(UInt16(min(loads.count + 1, 0xffff)))
    bytes += raw(UInt16(64)) + raw(UInt16(3)) + raw(UInt16(2))
    bytes += segment(4, 4, UInt64(notesOffset), 0, UInt64(notes.count), 0, 4)
    for run in loads {
      let protection = regions[Int(run.region)].protection
      let isHere = run.kind != CKPT_RUN_FILE
      bytes += segment(
        1, ImageIndex.segmentFlags(protection), isHere ? run.file_offset : 0, run.address,
        isHere ? run.byte_count : 0, run.byte_count, 4096)
    }
    return bytes + notes
  }

  private func isShown(_ run: ckpt_run) -> Bool {
    [CKPT_RUN_HERE, CKPT_RUN_OBJECT, CKPT_RUN_FILE].contains(run.kind)
  }

  private func segment(
    _ type: UInt32, _ flags: UInt32, _ offset: UInt64, _ address: UInt64, _ fileBytes: UInt64,
    _ memoryBytes: UInt64, _ alignment: UInt64
  ) -> [UInt8] {
    raw(type) + raw(flags) + raw(offset) + raw(address) + raw(UInt64(0)) + raw(fileBytes)
      + raw(memoryBytes) + raw(alignment)
  }

  /// What any tool expects of a core file.
  private func coreNotes() -> [UInt8] {
    var notes = note("CORE", 3, [UInt8](repeating: 0, count: 136))  // NT_PRPSINFO
    notes += note("CORE", 6, [UInt8](repeating: 0, count: 32))  // NT_AUXV
    let names = Array("/usr/bin/prog\0".utf8)
    let file = [1, 4096, 0x40_0000, 0x40_3000, 0].flatMap { raw(UInt64($0)) }
    notes += note("CORE", 0x4649_4c45, file + names)  // NT_FILE
    for _ in threads {
      notes += note("CORE", 1, [UInt8](repeating: 0, count: 336))  // NT_PRSTATUS
      notes += note("CORE", 2, [UInt8](repeating: 0, count: 512))  // NT_FPREGSET
    }
    return notes
  }

  private func ownNotes() -> [UInt8] {
    table(CKPT_NT_IMAGE, [image]) + table(CKPT_NT_PROCESS, [process])
      + table(CKPT_NT_MACHINE, [machine]) + table(CKPT_NT_AGENT, [agent])
      + table(CKPT_NT_STRINGS, strings) + table(CKPT_NT_DETAILS, details)
      + table(CKPT_NT_THREADS, threads) + table(CKPT_NT_REGIONS, regions)
      + table(CKPT_NT_RUNS, runs) + table(CKPT_NT_OBJECTS, objects)
      + table(CKPT_NT_EXTENTS, extents) + table(CKPT_NT_FILES, files)
      + table(CKPT_NT_DESCRIPTORS, descriptors) + table(CKPT_NT_SIGNALS, signals)
      + table(CKPT_NT_PENDING, pending) + table(CKPT_NT_TIMERS, timers)
      + table(CKPT_NT_LIMITS, limits) + table(CKPT_NT_XSTATE, xstate)
      + (parent.depth == 0 ? [] : table(CKPT_NT_PARENT, [parent]))
  }

  // MARK: End

  private func section(_ head: [UInt8], _ digests: [UInt64]) -> [UInt8] {
    var header = ckpt_digest_header()
    header.magic = CKPT_DIGEST_MAGIC
    header.identity_low = image.identity_low
    header.identity_high = image.identity_high
    header.head_bytes = UInt64(head.count)
    header.head_digest = digest(head)
    header.piece_bytes = CKPT_PIECE_BYTES
    header.count = UInt64(digests.count)
    let blocks = stride(from: 0, to: digests.count, by: Int(CKPT_BLOCK_PIECES)).map { start in
      digest(
        digests[start..<min(digests.count, start + Int(CKPT_BLOCK_PIECES))].flatMap { raw($0) })
    }
    let table = blocks.flatMap { raw($0) }
    header.table_digest = digest(raw(header) + table)
    return raw(header) + table + digests.flatMap { raw($0) }
  }

  private func tail(_ end: ImageEnd) -> [UInt8] {
    let names = Array("\0.ckpt.digests\0.shstrtab\0".utf8)
    let count = runs.filter(isShown).count + 1
    return names + [UInt8](repeating: 0, count: 32 - names.count)
      + header(0, 0, 0, 0, info: count >= 0xffff ? UInt32(count) : 0, alignment: 0)
      + header(1, 1, end.digestsOffset, end.digestsByteCount, info: 0, alignment: 8)
      + header(15, 3, end.namesOffset, UInt64(names.count), info: 0, alignment: 1)
  }

  private func header(
    _ name: UInt32, _ type: UInt32, _ offset: UInt64, _ byteCount: UInt64, info: UInt32,
    alignment: UInt64
  ) -> [UInt8] {
    raw(name) + raw(type) + raw(UInt64(0)) + raw(UInt64(0)) + raw(offset) + raw(byteCount)
      + raw(UInt32(0)) + raw(info) + raw(alignment) + raw(UInt64(0))
  }
}

/// The bytes of an integer or a record without padding.
public func raw<T: BitwiseCopyable>(_ value: T) -> [UInt8] {
  unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

/// A note with its padding.
public func note(_ owner: String, _ type: UInt32, _ content: [UInt8]) -> [UInt8] {
  let name = Array(owner.utf8) + [0]
  return raw(UInt32(name.count)) + raw(UInt32(content.count)) + raw(type)
    + name + [UInt8](repeating: 0, count: -name.count & 3)
    + content + [UInt8](repeating: 0, count: -content.count & 3)
}

/// A note of the project's.
public func table<T: BitwiseCopyable>(
  _ type: UInt32, _ entries: [T], version: UInt32 = 1, extra: Int = 0
) -> [UInt8] {
  let size = MemoryLayout<T>.size + extra
  let header = ckpt_table(
    version: version, entry_bytes: UInt32(size), count: UInt64(entries.count))
  let content = entries.flatMap { raw($0) + [UInt8](repeating: 0xee, count: extra) }
  return note("CKPT", type, raw(header) + content)
}

/// The digest of an array.
public func digest(_ bytes: [UInt8]) -> UInt64 {
  unsafe bytes.withUnsafeBytes { unsafe XXH3.digest($0.bytes) }
}
