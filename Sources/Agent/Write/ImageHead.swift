internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Decides where everything goes in the image, and lays its head down.
///
/// The whole layout is known before the first byte is written, so an image streams.
/// Stopped-world safe.
struct ImageHead {
  /// The head in memory, in whole pages.
  private(set) var bytes = AddressRange.empty

  /// What follows the data.
  private(set) var end = ImageEnd(digestsOffset: 0, pieceCount: 0)

  private var loadCount = 0

  /// Bytes of the whole image.
  var fileByteCount: UInt64 { end.fileByteCount }

  /// More than this many program headers, and their number moves to section 0.
  private static let extendedNumbering = 0xFFFF

  /// Assigns file offsets to the survey's runs and extents, then builds the head in scratch memory.
  static func build(_ survey: inout Survey) throws(Errno) -> ImageHead {
    var head = ImageHead()
    head.loadCount = loadCount(survey)
    var counter = HeadWriter()
    head.put(survey, into: &counter)
    let headByteCount = roundedUpToPage(counter.offset)
    // What a companion has put into the file leaves a limited room before it.
    if let share = survey.copied?.share, headByteCount > share.dataStart { throw .outOfRange }
    try head.notePlacements(&survey)
    head.assignOffsets(&survey, from: survey.copied?.share.dataEnd ?? headByteCount)
    let address = try survey.scratch.reserve(headByteCount, alignment: pageByteCount)
    head.bytes = AddressRange(start: address, byteCount: headByteCount) ?? .empty
    var writer = HeadWriter(at: address)
    head.put(survey, into: &writer)
    writer.align(pageByteCount)
    return head
  }

  // MARK: Offsets

  /// Moves what the runs say of their places to a table of its own: it is no part of the image.
  private func notePlacements(_ survey: inout Survey) throws(Errno) {
    guard survey.copied != nil else { return }
    var placements = try Table<UInt8>(in: &survey.scratch, capacity: survey.runs.count)
    for index in 0..<survey.runs.count {
      let isPlaced = survey.runs[index].kind == CKPT_RUN_HERE && survey.runs[index].reserved != 0
      try placements.append(isPlaced ? 1 : 0)
      if isPlaced { survey.runs.update(index) { $0.reserved = 0 } }
    }
    survey.placements = placements
  }

  private mutating func assignOffsets(_ survey: inout Survey, from start: UInt64) {
    var offset = start
    var pieceCount: UInt64 = 0
    for index in 0..<survey.runs.count {
      var run = survey.runs[index]
      guard run.hasDigests else { continue }
      pieceCount += Pieces.count(of: run.byte_count)
      guard run.kind == CKPT_RUN_HERE, !survey.isPlaced(run: index) else { continue }
      run.file_offset = offset
      survey.runs[index] = run
      offset += run.byte_count
    }
    for index in 0..<survey.extents.count {
      var extent = survey.extents[index]
      pieceCount += Pieces.count(of: extent.byte_count)
      extent.file_offset = offset
      survey.extents[index] = extent
      offset += roundedUpToPage(extent.byte_count)
    }
    Self.pointObjectRuns(&survey)
    end = ImageEnd(digestsOffset: offset, pieceCount: pieceCount)
  }

  /// Points the runs of shared regions to where their object's bytes went.
  private static func pointObjectRuns(_ survey: inout Survey) {
    for index in 0..<survey.runs.count {
      var run = survey.runs[index]
      guard run.kind == CKPT_RUN_OBJECT else { continue }
      let region = survey.regions[Int(run.region)]
      let extent = survey.extents[Int(run.reserved)]
      let offset = region.file_offset + (run.address - region.start)
      run.file_offset = extent.file_offset + (offset - extent.offset)
      run.reserved = 0
      survey.runs[index] = run
    }
  }

  // MARK: Bytes

  private func put(_ survey: Survey, into head: inout HeadWriter) {
    let noteStart = 64 + UInt64(loadCount + 1) * 56
    putHeader(programHeaders: loadCount + 1, into: &head)
    let headByteCount = bytes.byteCount
    head.put(
      ckernel_elf64_phdr(
        type: 4, flags: 4, offset: noteStart, vaddr: 0, paddr: 0,
        filesz: headByteCount > 0 ? noteByteCount(survey) : 0, memsz: 0, align: 4))
    putLoads(survey, into: &head)
    CoreNotes.put(survey, into: &head)
    Self.putOwnNotes(survey, into: &head)
  }

  private func noteByteCount(_ survey: Survey) -> UInt64 {
    var counter = HeadWriter()
    CoreNotes.put(survey, into: &counter)
    Self.putOwnNotes(survey, into: &counter)
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

  private static func loadCount(_ survey: Survey) -> Int {
    var count = 0
    for index in 0..<survey.runs.count where isLoad(survey.runs[index]) { count += 1 }
    return count
  }

  private static func isLoad(_ run: ckpt_run) -> Bool {
    run.kind == CKPT_RUN_HERE || run.kind == CKPT_RUN_OBJECT || run.kind == CKPT_RUN_FILE
  }

  private func putLoads(_ survey: Survey, into head: inout HeadWriter) {
    for index in 0..<survey.runs.count {
      let run = survey.runs[index]
      guard Self.isLoad(run) else { continue }
      let protection = survey.regions[Int(run.region)].protection
      let flags = (protection & 1) << 2 | protection & 2 | (protection & 4) >> 2
      let isHere = run.kind != CKPT_RUN_FILE
      head.put(
        ckernel_elf64_phdr(
          type: 1, flags: flags, offset: isHere ? run.file_offset : 0, vaddr: run.address, paddr: 0,
          filesz: isHere ? run.byte_count : 0, memsz: run.byte_count, align: pageByteCount))
    }
  }

  private static func putOwnNotes(_ survey: Survey, into head: inout HeadWriter) {
    head.putTable(CKPT_NT_IMAGE, one: survey.image)
    head.putTable(CKPT_NT_PROCESS, one: survey.process)
    head.putTable(CKPT_NT_MACHINE, one: survey.machine)
    head.putTable(CKPT_NT_AGENT, one: survey.agent)
    head.putTable(CKPT_NT_STRINGS, bytes: survey.strings)
    head.putTable(CKPT_NT_DETAILS, bytes: survey.details)
    head.putTable(CKPT_NT_THREADS, survey.threads)
    head.putTable(CKPT_NT_REGIONS, survey.regions)
    head.putTable(CKPT_NT_RUNS, survey.runs)
    head.putTable(CKPT_NT_OBJECTS, survey.objects)
    head.putTable(CKPT_NT_EXTENTS, survey.extents)
    head.putTable(CKPT_NT_FILES, survey.files)
    head.putTable(CKPT_NT_DESCRIPTORS, survey.descriptors)
    head.putTable(CKPT_NT_SIGNALS, survey.signals)
    head.putTable(CKPT_NT_PENDING, survey.pending)
    head.putTable(CKPT_NT_TIMERS, survey.timers)
    head.putTable(CKPT_NT_LIMITS, survey.limits)
    head.putTable(CKPT_NT_XSTATE, survey.xstate)
    if survey.image.parent_low | survey.image.parent_high != 0 {
      head.putTable(CKPT_NT_PARENT, one: survey.parent)
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
