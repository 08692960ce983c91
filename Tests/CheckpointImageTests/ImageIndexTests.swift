import CImage
import CheckpointImage
import TestImages
import Testing

/// The refusal of an image's head; `nil` when it is taken.
func refusal(of bytes: [UInt8], fileByteCount: UInt64? = nil) -> ImageError? {
  do throws(ImageError) {
    _ = try index(of: bytes, fileByteCount: fileByteCount)
    return nil
  } catch {
    return error
  }
}

/// The index of an image, from its first bytes.
func index(of bytes: [UInt8], fileByteCount: UInt64? = nil) throws(ImageError) -> ImageIndex {
  let byteCount = try bytes.withSpan { (span) throws(ImageError) in
    try ImageIndex.headByteCount(prefix: span.extracting(..<min(4096, span.byteCount)))
  }
  return try bytes.withSpan { (span) throws(ImageError) in
    let available = min(span.byteCount, Int(byteCount))
    return try ImageIndex(head: span.extracting(..<available), fileByteCount: fileByteCount)
  }
}

extension [UInt8] {
  func withSpan<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(unsafe span.bytes)
  }
}

@Suite struct ImageIndexTests {
  @Test func takesAWholeImage() throws {
    let bytes = TestImage.small().bytes()
    let index = try index(of: bytes, fileByteCount: UInt64(bytes.count))
    #expect(index.fileByteCount == UInt64(bytes.count))
    #expect(index.regions.count == 5)
    #expect(index.threads.count == 2)
    #expect(index.headByteCount % 4096 == 0)
    #expect(index.pieceCount == 309)
  }

  @Test func refusesAFileOfAnotherSize() throws {
    let bytes = TestImage.small().bytes()
    let size = UInt64(bytes.count)
    #expect(refusal(of: bytes, fileByteCount: size - 1)?.refusal == .truncated)
    #expect(refusal(of: bytes, fileByteCount: size + 1)?.refusal == .wrongFileSize)
  }

  /// Whoever writes while the program runs has an order of its own, and leaves gaps.
  @Test func takesDataInAnyOrder() throws {
    var made = TestImage.small()
    made.isScattered = true
    let bytes = made.bytes()
    let index = try index(of: bytes, fileByteCount: UInt64(bytes.count))
    #expect(index.pieceCount == 309)
    var source = MemorySource(bytes)
    #expect(try CheckpointImageFile.verify(&source).isIntact)
  }

  @Test func takesAParent() throws {
    let bytes = TestImage.withParent().bytes()
    #expect(refusal(of: bytes, fileByteCount: UInt64(bytes.count)) == nil)
    var source = MemorySource(bytes)
    let file = try CheckpointImageFile(from: &source)
    #expect(file.image.parent?.identity == "00000000000000020000000000000001")
    #expect(file.image.parent?.name == "myckpt.1")
    #expect(file.image.parent?.path == "/home/user/myckpt.1")
    #expect(file.image.parent?.depth == 3)
    #expect(file.regions[1].parentByteCount == 2 * 4096)
    source = MemorySource(bytes)
    #expect(try CheckpointImageFile.verify(&source).isIntact)
  }

  @Test func skipsUnknownNotesButNotRequiredOnes() {
    var made = TestImage.small()
    made.notesBefore = note("CKPT", 0x7777, [1, 2, 3]) + note("SOMEONE", 1, [])
    #expect(refusal(of: made.bytes()) == nil)
    made.notesAfter = note("CKPT", CKPT_NT_REQUIRED | 0x7777, [])
    #expect(refusal(of: made.bytes())?.refusal == .unknownRequiredNote)
  }

  @Test func takesLongerEntriesOfANewerWriter() throws {
    var made = TestImage.small()
    made.notesAfter = table(CKPT_NT_TIMERS, made.timers, extra: 8)
    #expect(refusal(of: made.bytes())?.refusal == .repeatedNote)
    made.notesAfter = table(0x7778, made.timers, extra: 8)
    #expect(refusal(of: made.bytes()) == nil)
  }

  @Test func refusesOtherFiles() {
    #expect(refusal(of: [])?.refusal == .truncated)
    #expect(refusal(of: Array("#!/bin/sh\n".utf8))?.refusal == .notElf)
    #expect(refusal(of: [UInt8](repeating: 0, count: 4096))?.refusal == .notElf)
    var bytes = TestImage.small().bytes()
    bytes[16] = 2
    #expect(refusal(of: bytes)?.refusal == .foreignElf)
    bytes[16] = 4
    bytes[18] = 183
    #expect(refusal(of: bytes)?.refusal == .foreignElf)
  }

  @Test func countsProgramHeadersBeyond16Bits() throws {
    var made = TestImage.small()
    let first = made.runs.count
    let start: UInt64 = 0x7ff8_0000_0000
    for page in 0..<UInt64(66_000) {
      made.runs.append(
        ckpt_run(
          address: start + page * 4096, byte_count: 4096, file_offset: 0, kind: CKPT_RUN_HERE,
          flags: UInt32(page & 1), region: 4, reserved: 0))
    }
    var region = made.regions[0]
    region.start = start
    region.end = start + 66_000 * 4096
    region.first_run = UInt64(first)
    region.run_count = 66_000
    region.kind = CKPT_REGION_ANONYMOUS
    made.regions.insert(region, at: 4)
    // Only the head: 264 MiB of data would show nothing more.
    let head = made.headBytes()
    let index = try index(of: head)
    #expect(index.runs.count == made.runs.count)
    #expect(head.withSpan { index.segmentCount($0) } == 66_000 + 7)
  }
}

/// A change that makes an image wrong, and the refusal that has to name it.
struct Wrong: Sendable, CustomTestStringConvertible {
  let expected: ImageError.Refusal
  let change: @Sendable (inout TestImage) -> Void

  init(_ expected: ImageError.Refusal, _ change: @escaping @Sendable (inout TestImage) -> Void) {
    self.expected = expected
    self.change = change
  }

  var testDescription: String { "\(expected)" }
}

/// The largest size of an object, in whole pages.
private let limit: UInt64 = 1 << 62 - 4096

private let wrongMemory = [
  Wrong(.badRegionRange) { $0.regions[1].start += 1 },
  Wrong(.badRegionRange) { $0.regions[0].end = 0 },
  Wrong(.badRegionRange) { $0.regions[3].end = 1 << 47 + 4096 },
  Wrong(.badRegionRange) { $0.regions[4].start -= 4096 },
  Wrong(.regionsOutOfOrder) { $0.regions[0].end = 0x7f00_0000_1000 },
  Wrong(.badRegionKind) { $0.regions[0].kind = 0 },
  Wrong(.badRegionKind) { $0.regions[0].kind = 8 },
  Wrong(.badRegionProtection) { $0.regions[0].protection = 8 },
  Wrong(.badRegionObject) { $0.regions[2].object = CKPT_NONE },
  Wrong(.badRegionObject) { $0.regions[1].object = 2 },
  Wrong(.badRegionOffset) { $0.regions[0].file_offset = 1 },
  Wrong(.badRegionOffset) { $0.regions[0].file_offset = 1 << 62 },
  Wrong(.badHugePageSize) { $0.regions[0].huge_page_bytes = 5000 },
  Wrong(.badHugePageSize) { $0.regions[0].flags = CKPT_REGION_HUGE_TLB },
  Wrong(.badRegionRuns) { $0.regions[1].first_run = 1 },
  Wrong(.badRegionRuns) { $0.regions[3].run_count = 2 },
  Wrong(.badRegionRuns) { $0.regions[3].run_count = .max },
  Wrong(.badRunRegion) { $0.regions[0].run_count = 3 },
  Wrong(.strayRuns) { $0.regions[3].run_count = 0 },
  Wrong(.badRunRange) { $0.runs[1].address += 1 },
  Wrong(.badRunRange) { $0.runs[1].byte_count = 0 },
  Wrong(.badRunRange) { $0.runs[1].byte_count += 4096 },
  Wrong(.badRunRange) { $0.runs[0].address -= 4096 },
  Wrong(.runsOutOfOrder) { $0.runs[1].address -= 4096 },
  Wrong(.badRunKind) { $0.runs[4].kind = 0 },
  Wrong(.badRunKind) { $0.runs[4].kind = 7 },
  Wrong(.badRunKind) { $0.runs[4].kind = CKPT_RUN_PARENT },
  Wrong(.badRunKind) { $0.runs[4].kind = CKPT_RUN_FILE },
  Wrong(.badRunKind) { $0.runs[0].kind = CKPT_RUN_OBJECT },
  Wrong(.badRunPlace) { $0.regions[2].file_offset = 8192 },
  Wrong(.badRunKind) {
    $0.makeChild(); $0.runs[6].kind = CKPT_RUN_PARENT
  },
  Wrong(.badRunKind) {
    $0.makeChild(); $0.runs[7].kind = CKPT_RUN_PARENT
  },
  Wrong(.badRunKind) { $0.runs[6].kind = CKPT_RUN_FILE },
  Wrong(.badExtentRange) {
    $0.objects[0].byte_count = 1 << 61; $0.extents[0].byte_count = .max
  },
  Wrong(.badElfHeader) {
    $0.objects[0].byte_count = limit; $0.extents[0].byte_count = limit
  },
  Wrong(.badObjectKind) { $0.objects[0].kind = 0 },
  Wrong(.badObjectSize) { $0.objects[0].byte_count = 1 << 62 },
  Wrong(.badObjectExtents) { $0.objects[0].first_extent = 1 },
  Wrong(.badObjectExtents) { $0.objects[1].extent_count = 2 },
  Wrong(.badExtentRange) { $0.objects[0].byte_count = 4096 },
  Wrong(.badExtentRange) { $0.extents[0].offset = 100 },
  Wrong(.badExtentRange) { $0.extents[1].byte_count = 0 },
  Wrong(.strayExtents) { $0.objects[1].extent_count = 0 },
]

private let wrongProcess = [
  Wrong(.unsupportedFormat) { $0.image.format_version = 1 },
  Wrong(.unsupportedFormat) { $0.image.format_version = 3 },
  Wrong(.missingNote) { $0.image.parent_low = 1 },
  Wrong(.badParent) { $0.parent.depth = 1 },
  Wrong(.badParent) {
    $0.makeChild(); $0.image.parent_high = 3
  },
  Wrong(.badParent) {
    $0.makeChild(); $0.parent.identity_low = 3
  },
  Wrong(.badParent) {
    $0.makeChild(); $0.image.identity_low = 1; $0.image.identity_high = 2
  },
  Wrong(.badParent) {
    $0.makeChild(); $0.parent.depth = 4097
  },
  Wrong(.badParent) {
    $0.makeChild(); $0.parent.name.byte_count = 0
  },
  Wrong(.badString) {
    $0.makeChild(); $0.parent.path.offset = 1 << 20
  },
  Wrong(.badPageSize) { $0.image.page_bytes = 16384 },
  Wrong(.badString) { $0.image.label.offset = .max },
  Wrong(.badString) { $0.process.command_line.byte_count = .max },
  Wrong(.badString) { $0.machine.cpu_name = ckpt_string(offset: 1 << 20, byte_count: 1) },
  Wrong(.badString) { $0.regions[0].path.offset = 1 << 20 },
  Wrong(.badString) { $0.objects[0].name.offset = 1 << 20 },
  Wrong(.badString) { $0.files[0].path.offset = 1 << 20 },
  Wrong(.badString) { $0.threads[0].waits_in = ckpt_string(offset: 1 << 20, byte_count: 1) },
  Wrong(.badDetail) { $0.process.auxv.offset += 1 },
  Wrong(.badDetail) { $0.process.auxv.byte_count = 24 },
  Wrong(.badDetail) { $0.process.groups.byte_count = 5 },
  Wrong(.badDetail) { $0.files[1].detail.byte_count = 1 << 20 },
  Wrong(.badDetail) { $0.threads[1].affinity.offset = 1 << 20 },
  Wrong(.badProcessID) { $0.process.pid = 0 },
  Wrong(.badProcessID) { $0.process.pid = -1 },
  Wrong(.badSpecialRange) { $0.machine.vdso_start = 1 },
  Wrong(.badSpecialRange) { $0.machine.vvar_bytes = 1 << 63 },
  Wrong(.badExtendedState) { $0.xstate[0].component = 64 },
  Wrong(.badExtendedState) { $0.xstate[0].offset = .max },
  Wrong(.badThreadID) { $0.threads[1].tid = 0 },
  Wrong(.badThreadID) { $0.threads[1].tid = 4 << 20 },
  Wrong(.badThreadID) { $0.threads[0].tid = 5 },
  Wrong(.noMainThread) { $0.threads[0].flags = 0 },
  Wrong(.twoMainThreads) { $0.threads[1].flags = CKPT_THREAD_MAIN },
  Wrong(.twoLeaders) { $0.threads[1].flags = CKPT_THREAD_LEADER },
  Wrong(.badThreadFrame) { $0.threads[1].frame = 0 },
  Wrong(.badThreadFrame) { $0.threads[1].frame = 0x50_0000 },
  Wrong(.missingNote) { $0.threads = [] },
  Wrong(.badAgentEntry) { $0.agent.entry = 0x7f00_0000_0000 },
  Wrong(.badAgentEntry) { $0.agent.entry = 0xffff_ffff_ff60_0000 },
  Wrong(.badAgentArena) { $0.agent.arena_start = 0x40_0000 },
  Wrong(.badAgentArena) { $0.agent.arena_bytes = .max },
  Wrong(.badAgentStack) { $0.agent.stack_top += 8 },
  Wrong(.badAgentStack) { $0.agent.stack_top = 0x7f00_0001_0010 },
  Wrong(.badHandoff) { $0.agent.handoff = 0x7f00_0001_0000 - 48 },
  Wrong(.unsupportedHandoff) { $0.agent.handoff_version = 1 },
  Wrong(.badTriggerSignal) { $0.agent.trigger_signal = 65 },
  Wrong(.badFileKind) { $0.files[0].kind = 0 },
  Wrong(.badFileObject) { $0.files[0].object = 2 },
  Wrong(.badDescriptorNumber) { $0.descriptors[0].number = -1 },
  Wrong(.badDescriptorNumber) { $0.descriptors[2].number = 1 << 20 },
  Wrong(.descriptorsOutOfOrder) { $0.descriptors[1].number = 0 },
  Wrong(.badDescriptorFile) { $0.descriptors[2].file = 2 },
  Wrong(.badSignalCount) { $0.signals.removeLast() },
  Wrong(.badSignal) { $0.pending[0].signal = 0 },
  Wrong(.badTimer) { $0.timers[0].kind = 3 },
  Wrong(.badLimitCount) { $0.limits += $0.limits + $0.limits },
]

@Suite struct ImageRefusalTests {
  @Test(arguments: wrongMemory + wrongProcess)
  func namesWhatIsWrong(wrong: Wrong) {
    var made = TestImage.small()
    wrong.change(&made)
    #expect(refusal(of: made.headBytes())?.refusal == wrong.expected)
  }

  @Test func hasAReasonForEachRefusal() {
    var reasons: Set<String> = []
    var count = 0
    for raw in UInt8.min...UInt8.max {
      guard let refusal = ImageError.Refusal(rawValue: raw) else { continue }
      count += 1
      reasons.insert("\(refusal.reason)")
      #expect(!"\(ImageError(refusal, at: 1, 2))".isEmpty)
    }
    #expect(reasons.count == count)
  }
}
