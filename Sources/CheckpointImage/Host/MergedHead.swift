internal import CImage

/// The head of an image that stands alone, made from that of one that doesn't.
///
/// Every note stays as it is, those that this reader doesn't know too; runs, what points to them, and
/// places in the file are new.
struct MergedHead {
  private let head: ImageHead
  private let runs: [ckpt_run]

  /// By region.
  private let runCounts: [UInt64]

  init(_ head: ImageHead, runs: [ckpt_run]) {
    self.head = head
    self.runs = runs
    var counts = [UInt64](repeating: 0, count: head.index.regions.count)
    for run in runs { counts[Int(run.region)] += 1 }
    runCounts = counts
  }

  var segmentCount: UInt64 { UInt64(runs.filter(\.hasSegment).count) + 1 }

  /// What the head will take, in whole pages.
  var byteCount: UInt64 {
    let bytes = bytes(runs: runs, extentOffsets: nil, sectionsOffset: 0)
    return UInt64(bytes.count)
  }

  /// The whole head.
  ///
  /// - Parameters:
  ///   - runs: the same, with their places.
  ///   - extentOffsets: by extent; `nil`: as they are.
  func bytes(
    runs: [ckpt_run], extentOffsets: [UInt64]?, sectionsOffset: UInt64
  ) -> [UInt8] {
    let notes = notes(runs, extentOffsets)
    let notesOffset = 64 + 56 * segmentCount
    var bytes = Array(head.bytes[0..<64])
    bytes.put(sectionsOffset, at: 40)
    bytes.put(UInt16(min(segmentCount, UInt64(Elf.countElsewhere))), at: 56)
    bytes += segment(
      Elf.noteSegment, flags: 4, offset: notesOffset, address: 0, inFile: UInt64(notes.count),
      inMemory: 0, alignment: 4)
    for run in runs where run.hasSegment {
      let isHere = run.kind != CKPT_RUN_FILE
      bytes += segment(
        Elf.loadSegment,
        flags: ImageIndex.segmentFlags(head.region(Int(run.region)).protection),
        offset: isHere ? run.file_offset : 0, address: run.address,
        inFile: isHere ? run.byte_count : 0, inMemory: run.byte_count, alignment: 4096)
    }
    bytes += notes
    return bytes + [UInt8](repeating: 0, count: -bytes.count & 4095)
  }

  private func segment(
    _ type: UInt32, flags: UInt32, offset: UInt64, address: UInt64, inFile: UInt64,
    inMemory: UInt64, alignment: UInt64
  ) -> [UInt8] {
    rawBytes(type) + rawBytes(flags)
      + [offset, address, 0, inFile, inMemory, alignment].flatMap { rawBytes($0) }
  }

  // MARK: Notes

  private func notes(_ runs: [ckpt_run], _ extentOffsets: [UInt64]?) -> [UInt8] {
    var result: [UInt8] = []
    for note in head.notes {
      guard let location = note.table(in: head.index) else {
        result += head.bytes[note.range]
        continue
      }
      var bytes = Array(head.bytes[note.range])
      let first = location.offset - note.range.lowerBound
      switch note.type {
      case CKPT_NT_PARENT: continue
      case CKPT_NT_IMAGE:
        // parent_low and parent_high
        bytes.put(UInt64(0), at: first + 16)
        bytes.put(UInt64(0), at: first + 24)
      case CKPT_NT_REGIONS: patchRegions(&bytes, first, location)
      case CKPT_NT_EXTENTS:
        for (index, offset) in (extentOffsets ?? []).enumerated() {
          bytes.put(offset, at: first + index * location.entryByteCount + 16)
        }
      case CKPT_NT_RUNS: bytes = runsNote(runs)
      default: break
      }
      result += bytes
    }
    return result
  }

  private func patchRegions(_ bytes: inout [UInt8], _ first: Int, _ location: NoteLocation) {
    let layout = MemoryLayout<ckpt_region>.self
    guard let firstRun = layout.offset(of: \.first_run), let count = layout.offset(of: \.run_count)
    else { return }
    var next: UInt64 = 0
    for (index, runCount) in runCounts.enumerated() {
      let entry = first + index * location.entryByteCount
      bytes.put(next, at: entry + firstRun)
      bytes.put(runCount, at: entry + count)
      next += runCount
    }
  }

  private func runsNote(_ runs: [ckpt_run]) -> [UInt8] {
    let size = MemoryLayout<ckpt_run>.size
    let content =
      rawBytes(ckpt_table(version: 1, entry_bytes: UInt32(size), count: UInt64(runs.count)))
      + runs.flatMap { rawBytes($0) }
    return rawBytes(UInt32(5)) + rawBytes(UInt32(content.count)) + rawBytes(CKPT_NT_RUNS)
      + Array("CKPT\0\0\0\0".utf8) + content + [UInt8](repeating: 0, count: -content.count & 3)
  }
}

/// A note of any owner: where it is, with its header and padding.
private struct NotePlace {
  var type: UInt32
  var range: Range<Int>

  /// The table in it, when it is one of those that the index knows.
  func table(in index: ImageIndex) -> NoteLocation? {
    let known = [
      (CKPT_NT_IMAGE, index.image), (CKPT_NT_REGIONS, index.regions), (CKPT_NT_RUNS, index.runs),
      (CKPT_NT_EXTENTS, index.extents), (CKPT_NT_PARENT, index.parent),
    ]
    // Other owners have types of their own.
    return known.first { $0.0 == type && $0.1 != .absent && range.contains($0.1.offset - 1) }?.1
  }
}

extension ImageHead {
  /// All notes, in their order.
  fileprivate var notes: [NotePlace] {
    bytes.withRawSpan { span in
      let segment = ElfSegment(span, at: Elf.headerByteCount)
      let end = Int(segment.offset + segment.fileByteCount)
      var offset = Int(segment.offset)
      var notes: [NotePlace] = []
      while offset < end {
        let owner = Int(span.loadUnaligned(at: offset, as: UInt32.self))
        let content = Int(span.loadUnaligned(at: offset + 4, as: UInt32.self))
        let next = offset + 12 + (owner + 3) & ~3 + (content + 3) & ~3
        notes.append(
          NotePlace(type: span.loadUnaligned(at: offset + 8), range: offset..<next))
        offset = next
      }
      return notes
    }
  }
}

extension [UInt8] {
  fileprivate mutating func put<T: BitwiseCopyable>(_ value: T, at offset: Int) {
    let bytes = rawBytes(value)
    replaceSubrange(offset..<(offset + bytes.count), with: bytes)
  }
}
