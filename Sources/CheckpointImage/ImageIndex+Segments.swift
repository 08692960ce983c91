internal import CImage
internal import KernelABI

extension ImageIndex {
  /// How many program headers there are: that of the notes, and one per run that is shown.
  ///
  /// - Precondition: `head` is what this index was made from.
  public func segmentCount(_ head: RawSpan) -> UInt64 {
    let notesOffset = ElfSegment(head, at: Elf.headerByteCount).offset
    return (notesOffset - UInt64(Elf.headerByteCount)) / UInt64(Elf.segmentByteCount)
  }

  /// Checks that the program headers, which other tools read, say what the runs say.
  func checkSegments(_ head: RawSpan) throws(ImageError) {
    let runs = ImageRecords<ckpt_run>(self.runs, in: head)
    let count = segmentCount(head)
    var next: UInt64 = 1
    for index in 0..<runs.count {
      let run = runs[index]
      let place = runs.offset(of: index)
      if run.kind == CKPT_RUN_OBJECT { try checkObjectRun(run, head, at: place) }
      guard run.hasSegment else { continue }
      try require(next < count, .badSegmentCount, at: 56, count)
      try checkSegment(Elf.headerByteCount + Int(next) * Elf.segmentByteCount, run, head)
      next += 1
    }
    try require(next == count, .badSegmentCount, at: 56, count)
  }

  private func checkSegment(
    _ offset: Int, _ run: ckpt_run, _ head: RawSpan
  ) throws(ImageError) {
    let segment = ElfSegment(head, at: offset)
    let place = UInt64(offset)
    let region = ImageRecords<ckpt_region>(regions, in: head)[Int(run.region)]
    try require(segment.type == Elf.loadSegment, .badSegment, at: place, UInt64(segment.type))
    try require(
      segment.flags == ImageIndex.segmentFlags(region.protection), .badSegment, at: place + 4,
      UInt64(segment.flags))
    try require(segment.address == run.address, .badSegment, at: place + 16, segment.address)
    try require(
      segment.memoryByteCount == run.byte_count, .badSegment, at: place + 40,
      segment.memoryByteCount)
    // As the kernel does in its cores: what is in a file has its addresses, and no bytes.
    let isHere = run.kind != CKPT_RUN_FILE
    try require(
      segment.fileByteCount == (isHere ? run.byte_count : 0), .badSegment, at: place + 32,
      segment.fileByteCount)
    try require(
      segment.offset == (isHere ? run.file_offset : 0), .badSegment, at: place + 8, segment.offset)
    try require(
      segment.alignment == pageByteCount, .badSegment, at: place + 48, segment.alignment)
  }

  /// PF_X, PF_W and PF_R (1, 2, 4) for PROT_READ, PROT_WRITE and PROT_EXEC (1, 2, 4).
  public static func segmentFlags(_ protection: UInt32) -> UInt32 {
    (protection & 1) << 2 | protection & 2 | (protection & 4) >> 2
  }
}

extension ckpt_run {
  /// Whether it has a program header: other tools see it.
  var hasSegment: Bool {
    kind == CKPT_RUN_HERE || kind == CKPT_RUN_OBJECT || kind == CKPT_RUN_FILE
  }
}
