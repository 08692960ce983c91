internal import CImage

/// One note of the project's own, before its entries are looked at.
private struct Note: BitwiseCopyable {
  var type: UInt32

  /// Bytes from the start of the image to the note, to its descriptor, and the descriptor's size.
  var place: UInt64
  var content: Int
  var byteCount: Int
}

extension ImageIndex {
  /// Finds the project's notes among all notes, and checks that their entries fit.
  ///
  /// A note is a header of three words (`Elf64_Nhdr`), the owner and the descriptor, both filled
  /// up to a multiple of 4 bytes.
  mutating func findNotes(_ head: RawSpan, from start: Int, to end: Int) throws(ImageError) {
    var offset = start
    while offset < end {
      let place = UInt64(offset)
      try require(end - offset >= 12, .badNote, at: place, UInt64(end - offset))
      let ownerByteCount = Int(head.loadUnaligned(at: offset, as: UInt32.self))
      let byteCount = Int(head.loadUnaligned(at: offset + 4, as: UInt32.self))
      let type = head.loadUnaligned(at: offset + 8, as: UInt32.self)
      let content = offset + 12 + paddedToWord(ownerByteCount)
      let next = content + paddedToWord(byteCount)
      try require(next <= end, .badNote, at: place, UInt64(byteCount))
      if ImageIndex.isOurs(head, offset + 12, ownerByteCount) {
        try add(Note(type: type, place: place, content: content, byteCount: byteCount), head)
      }
      offset = next
    }
    try checkPresence(UInt64(start))
  }

  private func paddedToWord(_ byteCount: Int) -> Int { (byteCount + 3) & ~3 }

  /// Whether the owner is "CKPT", with its NUL.
  private static func isOurs(_ head: RawSpan, _ offset: Int, _ byteCount: Int) -> Bool {
    guard byteCount == 5 else { return false }
    return head.loadUnaligned(at: offset, as: UInt32.self) == 0x5450_4b43
      && head.loadUnaligned(at: offset + 4, as: UInt8.self) == 0
  }

  private mutating func add(_ note: Note, _ head: RawSpan) throws(ImageError) {
    switch note.type {
    case CKPT_NT_IMAGE: try set(&image, note, ckpt_image.self, head)
    case CKPT_NT_PROCESS: try set(&process, note, ckpt_process.self, head)
    case CKPT_NT_MACHINE: try set(&machine, note, ckpt_machine.self, head)
    case CKPT_NT_AGENT: try set(&agent, note, ckpt_agent.self, head)
    case CKPT_NT_STRINGS: try set(&strings, note, UInt8.self, head)
    case CKPT_NT_DETAILS: try set(&details, note, UInt8.self, head)
    case CKPT_NT_THREADS: try set(&threads, note, ckpt_thread.self, head)
    case CKPT_NT_REGIONS: try set(&regions, note, ckpt_region.self, head)
    case CKPT_NT_RUNS: try set(&runs, note, ckpt_run.self, head)
    case CKPT_NT_OBJECTS: try set(&objects, note, ckpt_object.self, head)
    case CKPT_NT_EXTENTS: try set(&extents, note, ckpt_extent.self, head)
    case CKPT_NT_FILES: try set(&files, note, ckpt_file.self, head)
    case CKPT_NT_DESCRIPTORS: try set(&descriptors, note, ckpt_descriptor.self, head)
    case CKPT_NT_SIGNALS: try set(&signals, note, ckpt_signal_action.self, head)
    case CKPT_NT_PENDING: try set(&pending, note, ckpt_pending_signal.self, head)
    case CKPT_NT_TIMERS: try set(&timers, note, ckpt_timer.self, head)
    case CKPT_NT_LIMITS: try set(&limits, note, ckpt_limit.self, head)
    case CKPT_NT_XSTATE: try set(&xstate, note, ckpt_xstate_component.self, head)
    case CKPT_NT_PARENT: try set(&parent, note, ckpt_parent.self, head)
    default:
      try require(
        note.type & CKPT_NT_REQUIRED == 0, .unknownRequiredNote, at: note.place,
        UInt64(note.type))
    }
  }

  /// Reads the `ckpt_table` at the front of a note, and checks that it describes the rest.
  private func set<Record>(
    _ location: inout NoteLocation, _ note: Note, _ record: Record.Type, _ head: RawSpan
  ) throws(ImageError) {
    try require(location == .absent, .repeatedNote, at: note.place, UInt64(note.type))
    let place = UInt64(note.content)
    let present = note.byteCount - MemoryLayout<ckpt_table>.size
    try require(present >= 0, .badTable, at: place, UInt64(note.byteCount))
    let table: ckpt_table = head.loadUnaligned(at: note.content)
    try require(table.version == 1, .unsupportedTable, at: place, UInt64(table.version))
    let isBytes = MemoryLayout<Record>.size == 1
    try require(
      isBytes ? table.entry_bytes == 1 : table.entry_bytes >= MemoryLayout<Record>.size,
      .badTable, at: place + 4, UInt64(table.entry_bytes))
    let (needed, overflows) = table.count.multipliedReportingOverflow(
      by: UInt64(table.entry_bytes))
    try require(
      !overflows && needed == UInt64(present), .badTable, at: place + 8, table.count)
    location = NoteLocation(
      offset: note.content + MemoryLayout<ckpt_table>.size, count: Int(table.count),
      entryByteCount: Int(table.entry_bytes))
  }

  /// What no image can do without.
  ///
  /// A missing table of another kind is an empty one.
  private func checkPresence(_ place: UInt64) throws(ImageError) {
    try require(image != .absent, .notACheckpoint, at: place, 0)
    try checkOne(image, CKPT_NT_IMAGE, place)
    try checkOne(process, CKPT_NT_PROCESS, place)
    try checkOne(machine, CKPT_NT_MACHINE, place)
    try checkOne(agent, CKPT_NT_AGENT, place)
    try require(threads.count > 0, .missingNote, at: place, UInt64(CKPT_NT_THREADS))
    try require(regions.count > 0, .missingNote, at: place, UInt64(CKPT_NT_REGIONS))
    try require(runs.count > 0, .missingNote, at: place, UInt64(CKPT_NT_RUNS))
  }

  private func checkOne(
    _ location: NoteLocation, _ type: UInt32, _ place: UInt64
  ) throws(ImageError) {
    try require(location != .absent, .missingNote, at: place, UInt64(type))
    try require(
      location.count == 1, .badTable, at: UInt64(location.offset), UInt64(location.count))
  }
}
