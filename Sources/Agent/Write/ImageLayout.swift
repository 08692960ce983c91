internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Decides where everything goes in the image, and lays its head down.
///
/// The whole layout is known before the first byte is written, so an image streams.
/// Stopped-world safe.
struct ImageLayout {
  /// The head in memory, in whole pages.
  private(set) var bytes = AddressRange.empty

  /// What follows the data.
  private(set) var end = ImageEnd(digestsOffset: 0, pieceCount: 0)

  private var loadCount = 0

  /// Bytes of the whole image.
  var fileByteCount: UInt64 { end.fileByteCount }

  /// More than this many program headers, and their number moves to section 0.
  private static let extendedNumbering = 0xFFFF

  /// Assigns file offsets to the draft's runs and extents, then builds the head in scratch memory.
  static func build(_ draft: inout ImageDraft) throws(Errno) -> ImageLayout {
    var head = ImageLayout()
    head.loadCount = loadCount(draft)
    var counter = HeadWriter()
    head.put(draft, into: &counter)
    let headByteCount = roundedUpToPage(counter.offset)
    // What a precopy process has put into the file leaves a limited room before it.
    if let share = draft.copied?.share, headByteCount > share.dataStart { throw .outOfRange }
    try head.notePlacements(&draft)
    head.assignOffsets(&draft, from: draft.copied?.share.dataEnd ?? headByteCount)
    let address = try draft.scratch.reserve(headByteCount, alignment: pageByteCount)
    head.bytes = AddressRange(start: address, byteCount: headByteCount) ?? .empty
    var writer = HeadWriter(at: address)
    head.put(draft, into: &writer)
    writer.align(pageByteCount)
    return head
  }

  // MARK: Offsets

  /// Moves what the runs say of their places to a table of its own: it is no part of the image.
  private func notePlacements(_ draft: inout ImageDraft) throws(Errno) {
    guard draft.copied != nil else { return }
    var placements = try Table<UInt8>(in: &draft.scratch, capacity: draft.runs.count)
    for index in 0..<draft.runs.count {
      let isPlaced = draft.runs[index].kind == CKPT_RUN_HERE && draft.runs[index].reserved != 0
      try placements.append(isPlaced ? 1 : 0)
      if isPlaced { draft.runs.update(index) { $0.reserved = 0 } }
    }
    draft.placements = placements
  }

  private mutating func assignOffsets(_ draft: inout ImageDraft, from start: UInt64) {
    var offset = start
    var pieceCount: UInt64 = 0
    for index in 0..<draft.runs.count {
      var run = draft.runs[index]
      guard run.hasDigests else { continue }
      pieceCount += Pieces.count(of: run.byte_count)
      guard run.kind == CKPT_RUN_HERE, !draft.isPlaced(run: index) else { continue }
      run.file_offset = offset
      draft.runs[index] = run
      offset += run.byte_count
    }
    for index in 0..<draft.extents.count {
      var extent = draft.extents[index]
      pieceCount += Pieces.count(of: extent.byte_count)
      extent.file_offset = offset
      draft.extents[index] = extent
      offset += roundedUpToPage(extent.byte_count)
    }
    Self.pointObjectRuns(&draft)
    end = ImageEnd(digestsOffset: offset, pieceCount: pieceCount)
  }

  /// Points the runs of shared regions to where their object's bytes went.
  private static func pointObjectRuns(_ draft: inout ImageDraft) {
    for index in 0..<draft.runs.count {
      var run = draft.runs[index]
      guard run.kind == CKPT_RUN_OBJECT else { continue }
      let region = draft.regions[Int(run.region)]
      let extent = draft.extents[Int(run.reserved)]
      let offset = region.file_offset + (run.address - region.start)
      run.file_offset = extent.file_offset + (offset - extent.offset)
      run.reserved = 0
      draft.runs[index] = run
    }
  }

  // MARK: Bytes

  private func put(_ draft: ImageDraft, into head: inout HeadWriter) {
    let noteStart = 64 + UInt64(loadCount + 1) * 56
    putHeader(programHeaders: loadCount + 1, into: &head)
    let headByteCount = bytes.byteCount
    head.put(
      ckernel_elf64_phdr(
        type: 4, flags: 4, offset: noteStart, vaddr: 0, paddr: 0,
        filesz: headByteCount > 0 ? noteByteCount(draft) : 0, memsz: 0, align: 4))
    putLoads(draft, into: &head)
    CoreNotes.put(draft, into: &head)
    Self.putOwnNotes(draft, into: &head)
  }

  private func noteByteCount(_ draft: ImageDraft) -> UInt64 {
    var counter = HeadWriter()
    CoreNotes.put(draft, into: &counter)
    Self.putOwnNotes(draft, into: &counter)
    return counter.offset
  }

  private func putHeader(programHeaders: Int, into head: inout HeadWriter) {
    var header = ckernel_elf64_ehdr()
    header.ident_low = 0x0001_0102_464C_457F  // 64-bit, little-endian, version 1, System V
    header.type = 4  // ET_CORE
    header.machine = 62  // EM_X86_64
    header.version = 1
    header.phoff = 64
    header.shoff = end.sectionsOffset
    header.ehsize = 64
    header.phentsize = 56
    header.phnum = UInt16(min(programHeaders, Self.extendedNumbering))
    header.shentsize = 64
    header.shnum = 3
    header.shstrndx = 2
    head.put(header)
  }

  private static func loadCount(_ draft: ImageDraft) -> Int {
    var count = 0
    for index in 0..<draft.runs.count where isLoad(draft.runs[index]) { count += 1 }
    return count
  }

  private static func isLoad(_ run: ckpt_run) -> Bool {
    run.kind == CKPT_RUN_HERE || run.kind == CKPT_RUN_OBJECT || run.kind == CKPT_RUN_FILE
  }

  private func putLoads(_ draft: ImageDraft, into head: inout HeadWriter) {
    for index in 0..<draft.runs.count {
      let run = draft.runs[index]
      guard Self.isLoad(run) else { continue }
      let protection = draft.regions[Int(run.region)].protection
      let flags = (protection & 1) << 2 | protection & 2 | (protection & 4) >> 2
      let isHere = run.kind != CKPT_RUN_FILE
      head.put(
        ckernel_elf64_phdr(
          type: 1, flags: flags, offset: isHere ? run.file_offset : 0, vaddr: run.address, paddr: 0,
          filesz: isHere ? run.byte_count : 0, memsz: run.byte_count, align: pageByteCount))
    }
  }

  private static func putOwnNotes(_ draft: ImageDraft, into head: inout HeadWriter) {
    head.putTable(CKPT_NT_IMAGE, one: draft.image)
    head.putTable(CKPT_NT_PROCESS, one: draft.process)
    head.putTable(CKPT_NT_MACHINE, one: draft.machine)
    head.putTable(CKPT_NT_AGENT, one: draft.agent)
    head.putTable(CKPT_NT_STRINGS, bytes: draft.strings)
    head.putTable(CKPT_NT_DETAILS, bytes: draft.details)
    head.putTable(CKPT_NT_THREADS, draft.threads)
    head.putTable(CKPT_NT_REGIONS, draft.regions)
    head.putTable(CKPT_NT_RUNS, draft.runs)
    head.putTable(CKPT_NT_OBJECTS, draft.objects)
    head.putTable(CKPT_NT_EXTENTS, draft.extents)
    head.putTable(CKPT_NT_FILES, draft.files)
    head.putTable(CKPT_NT_DESCRIPTORS, draft.descriptors)
    head.putTable(CKPT_NT_SIGNALS, draft.signals)
    head.putTable(CKPT_NT_PENDING, draft.pending)
    head.putTable(CKPT_NT_TIMERS, draft.timers)
    head.putTable(CKPT_NT_LIMITS, draft.limits)
    head.putTable(CKPT_NT_XSTATE, draft.xstate)
    if draft.image.parent_low | draft.image.parent_high != 0 {
      head.putTable(CKPT_NT_PARENT, one: draft.parent)
    }
  }

  // MARK: Tail

  /// The names of the sections and the section headers, which close the file.
  func putEnd(into writer: inout HeadWriter) {
    let names = ImageEnd.names
    writer.put(from: names.address, byteCount: UInt64(names.utf8CodeUnitCount))
    writer.skip(ImageEnd.namesPaddedByteCount - UInt64(names.utf8CodeUnitCount))
    var null = ckernel_elf64_shdr()
    if loadCount + 1 >= Self.extendedNumbering { null.info = UInt32(loadCount + 1) }
    writer.put(null)
    writer.put(
      ckernel_elf64_shdr(
        name: ImageEnd.digestsName, type: 1, flags: 0, addr: 0, offset: end.digestsOffset,
        size: end.digestsByteCount, link: 0, info: 0, addralign: 8, entsize: 0))
    writer.put(
      ckernel_elf64_shdr(
        name: ImageEnd.namesName, type: 3, flags: 0, addr: 0, offset: end.namesOffset,
        size: ImageEnd.namesByteCount, link: 0, info: 0, addralign: 1, entsize: 0))
  }
}
