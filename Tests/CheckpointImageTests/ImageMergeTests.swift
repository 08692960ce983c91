import CImage
import CheckpointImage
import TestImages
import TestSupport
import Testing

/// Three images of one program: what each has of its 300 pages, and of the file it shows.
private struct Family {
  var base = TestImage.small()
  var middle = TestImage.small()
  var newest = TestImage.small()

  /// What the file that the program runs has.
  let program: [UInt8]

  init() {
    middle.image.identity_low = 2
    newest.image.identity_low = 3
    newest.image.counter = 3
    base.isScattered = true
    // 0x400000: 2 pages, 1 page; 0x7f0000000000: 1 page, 3 of nothing, 300 pages, zeros, a guard.
    base.split(3, [CKPT_RUN_HERE: 100, 0: 50, CKPT_RUN_ZERO: 10, CKPT_RUN_HERE: 140])
    base.runs[1].kind = CKPT_RUN_FILE
    program = base.data(ofRun: 1)
    middle.split(3, [CKPT_RUN_PARENT: 20, CKPT_RUN_HERE: 5, CKPT_RUN_PARENT: 275])
    middle.runs[1].kind = CKPT_RUN_PARENT
    newest.split(
      3, [CKPT_RUN_PARENT: 10, CKPT_RUN_HERE: 2, CKPT_RUN_PARENT: 286, CKPT_RUN_ZERO: 2])
    newest.runs[0].kind = CKPT_RUN_PARENT
    newest.runs[1].kind = CKPT_RUN_PARENT
    for index in newest.runs.indices { newest.contents[index] = newest.pattern(index, salt: 3) }
    for index in middle.runs.indices { middle.contents[index] = middle.pattern(index, salt: 2) }
    middle.setParent(base, name: "myckpt.1")
    newest.setParent(middle, name: "myckpt.2")
  }

  var sources: [MemorySource] { [newest, middle, base].map { MemorySource($0.bytes()) } }

  func files(_ path: String, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
    #expect(path == "/usr/bin/prog")
    let start = Int(offset) - 2 * 4096
    guard start >= 0, start + count <= program.count else { throw ImageError(.truncated, at: 0, 0) }
    return Array(program[start..<(start + count)])
  }
}

extension TestImage {
  /// Replaces a run by parts of any kind.
  fileprivate mutating func cutAtRandom(
    _ index: Int, isChild: Bool, using random: inout SeededGenerator
  ) {
    let original = runs[index]
    let end = original.address + original.byte_count
    var kinds = [CKPT_RUN_HERE, CKPT_RUN_HERE, CKPT_RUN_ZERO, 0]
    if isChild { kinds += [CKPT_RUN_PARENT, CKPT_RUN_PARENT, CKPT_RUN_PARENT] }
    if original.byte_count > 8192 { kinds.append(CKPT_RUN_GUARD) }
    var parts: [ckpt_run] = []
    var address = original.address
    while address < end {
      var run = original
      let limit = min((end - address) / 4096, 90)
      run.address = address
      run.byte_count = UInt64.random(in: 1...limit, using: &random) * 4096
      run.kind = kinds.randomElement(using: &random) ?? CKPT_RUN_HERE
      run.flags = UInt32.random(in: 0...1, using: &random)
      if run.kind != 0 { parts.append(run) }
      address += run.byte_count
    }
    runs.replaceSubrange(index...index, with: parts)
    let region = Int(original.region)
    regions[region].run_count = regions[region].run_count - 1 + UInt64(parts.count)
    for later in (region + 1)..<regions.count {
      regions[later].first_run = regions[later].first_run - 1 + UInt64(parts.count)
    }
  }

  fileprivate func pattern(_ run: Int, salt: Int) -> [UInt8] {
    var page = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ salt &+ run) }
    var bytes: [UInt8] = []
    for number in 0..<(runs[run].byte_count / 4096) {
      page.replaceSubrange(0..<8, with: raw(number))
      bytes += page
    }
    return bytes
  }
}

/// A file in memory.
private struct MemorySink: ImageSink {
  var bytes: [UInt8] = []
  var room = Int.max

  mutating func write(_ new: [UInt8], at offset: UInt64) throws {
    let end = Int(offset) + new.count
    guard end <= room else { throw ImageError(.truncated, at: 0, 0) }
    if end > bytes.count { bytes += [UInt8](repeating: 0x55, count: end - bytes.count) }
    bytes.replaceSubrange(Int(offset)..<end, with: new)
  }
}

@Suite struct ImageMergeTests {
  private let family = Family()

  private func chain(_ sources: [MemorySource]) throws -> ImageChain {
    ImageChain(
      try sources.map { source in
        var source = source
        return try ImageHead(from: &source)
      })
  }

  private func merged(_ sources: [MemorySource], isThick: Bool = false) throws -> [UInt8] {
    var merge = try ImageMerge(try chain(sources), sources, isThick: isThick)
    var sink = MemorySink()
    var last: UInt64 = 0
    try merge.write(to: &sink, files: family.files) { last = $0 }
    #expect(last > 0)
    #expect(UInt64(sink.bytes.count) == merge.fileByteCount)
    return sink.bytes
  }

  /// Every page of private memory, as a restart would make it; zeros where there is nothing.
  private func memory(_ sources: [MemorySource]) throws -> [[UInt8]] {
    let chain = try chain(sources)
    var reader = try ChainReader(chain, sources)
    let zeros = [UInt8](repeating: 0, count: 4096)
    return try family.newest.regions.prefix(2).flatMap { region in
      try stride(from: region.start, to: region.end, by: 4096).map { address in
        try reader.page(at: address, files: family.files) ?? zeros
      }
    }
  }

  @Test func aChainReadsAsOneMemory() throws {
    let pages = try memory(family.sources)
    #expect(pages.count == 3 + 307)
    let large = pages[7...]
    func page(_ image: TestImage, _ run: Int, _ number: Int) -> [UInt8] {
      Array(image.data(ofRun: run)[(number * 4096)..<(number * 4096 + 4096)])
    }
    let zeros = [UInt8](repeating: 0, count: 4096)
    // Nothing of the second's own was taken over by the newest: its first run.
    #expect(pages[0] == page(family.middle, 0, 0))
    #expect(pages[2] == family.program)
    #expect(large[7] == page(family.base, 3, 0))
    #expect(large[7 + 9] == page(family.base, 3, 9))
    #expect(large[7 + 10] == page(family.newest, 4, 0))
    #expect(large[7 + 12] == page(family.base, 3, 12))
    #expect(large[7 + 20] == page(family.middle, 4, 0))
    #expect(large[7 + 24] == page(family.middle, 4, 4))
    #expect(large[7 + 99] == page(family.base, 3, 99))
    #expect(large[7 + 100] == zeros)
    #expect(large[7 + 155] == zeros)
    #expect(large[7 + 160] == page(family.base, 5, 0))
    #expect(large[7 + 297] == page(family.base, 5, 137))
    #expect(large[7 + 298] == zeros)
  }

  @Test(arguments: [false, true])
  func mergesAChain(isThick: Bool) throws {
    let bytes = try merged(family.sources, isThick: isThick)
    var source = MemorySource(bytes)
    let file = try CheckpointImageFile(from: &source)
    #expect(file.image.parent == nil)
    #expect(file.image.identity == "fedcba98765432100000000000000003")
    #expect(file.image.counter == 3)
    #expect(file.image.label == "before the upgrade")
    #expect(file.regions.map(\.parentByteCount) == [0, 0, 0, 0, 0])
    #expect(file.regions[0].fileByteCount == (isThick ? 0 : 4096))
    #expect(file.regions[0].storedByteCount == (isThick ? 3 : 2) * 4096)
    #expect(file.threads.count == 2 && file.descriptors.count == 3)
    // The first 100 pages, from all three images, are one run.
    #expect(file.regions[1].runCount == 6)
    #expect(try CheckpointImageFile.verify(&source, files: family.files).isIntact)
    #expect(try memory([MemorySource(bytes)]) == memory(family.sources))
  }

  @Test func objectsComeAlong() throws {
    let bytes = try merged(family.sources)
    let index = try index(of: bytes, fileByteCount: UInt64(bytes.count))
    #expect(index.extents.count == 2 && index.objects.count == 2)
    let newest = family.sources[0].bytes
    let old = try CheckpointImageTests.index(of: newest)
    func contents(_ bytes: [UInt8], _ index: ImageIndex) -> [[UInt8]] {
      bytes.withSpan { head in
        var cursor = StretchCursor(index, head: head)
        var found: [[UInt8]] = []
        while let stretch = cursor.next() {
          guard case .extent = stretch.owner else { continue }
          let start = Int(stretch.fileOffset)
          found.append(Array(bytes[start..<(start + Int(stretch.byteCount))]))
        }
        return found
      }
    }
    #expect(contents(bytes, index) == contents(newest, old))
  }

  @Test func anImageThatStandsAloneStaysTheSame() throws {
    var made = TestImage.small()
    made.runs[2].flags = CKPT_RUN_CLEAN
    made.notesAfter = note("CKPT", 0x7777, [1, 2, 3]) + note("SOMEONE", CKPT_NT_RUNS, [4])
    made.notesBefore = table(0x7778, made.timers, extra: 8)
    var neat = made
    // What the merge brings together was not apart.
    neat.split(0, [CKPT_RUN_HERE: 3])
    neat.regions[0].run_count = 1
    neat.runs.remove(at: 1)
    for index in 1..<neat.regions.count { neat.regions[index].first_run -= 1 }
    neat.contents[0] = made.data(ofRun: 0) + made.data(ofRun: 1)
    for index in 1..<neat.runs.count { neat.contents[index] = made.data(ofRun: index + 1) }
    let (one, other) = (try merged([MemorySource(made.bytes())]), neat.bytes())
    let at = zip(one, other).enumerated().first { $1.0 != $1.1 }?.offset
    #expect(one.count == other.count)
    #expect(at == nil)
  }

  @Test func moreDigestsThanOneBlockHas() throws {
    var base = TestImage.small()
    base.regions[1].end += 9000 * 4096
    base.runs[3].byte_count += 9000 * 4096
    for index in 4...5 { base.runs[index].address += 9000 * 4096 }
    var child = base
    child.image.identity_low = 2
    child.runs[3].kind = CKPT_RUN_PARENT
    child.setParent(base, name: "base")
    let sources = [child, base].map { MemorySource($0.bytes()) }
    var source = MemorySource(try merged(sources))
    let report = try CheckpointImageFile.verify(&source)
    #expect(report.isIntact)
    #expect(report.pieceCount == 9309)
  }

  @Test(arguments: [0, 1, 2])
  func namesTheDamagedImage(link: Int) throws {
    var sources = family.sources
    var bytes = sources[link].bytes
    let index = try index(of: bytes)
    let stretch = bytes.withSpan { head in
      var cursor = StretchCursor(index, head: head)
      var last: Stretch?
      while let next = cursor.next() {
        if next.owner == .run(link == 2 ? 5 : 4) { last = next }
      }
      return last
    }
    bytes[Int(try #require(stretch).fileOffset) + 4100] ^= 4
    sources[link] = MemorySource(bytes)
    #expect {
      _ = try merged(sources)
    } throws: { error in
      guard case MergeError.image(let found, let inner as ImageError) = error else { return false }
      return found == link && inner.refusal == .damagedData
    }
  }

  @Test func aDamagedHeadIsSeenBeforeAnythingIsWritten() throws {
    var sources = family.sources
    var bytes = sources[1].bytes
    let chain = try chain(sources)
    bytes[Int(try index(of: bytes).digestsOffset) + 70] ^= 1
    sources[1] = MemorySource(bytes)
    #expect(throws: MergeError.self) { _ = try ImageMerge(chain, sources, isThick: false) }
  }

  @Test func aFileThatChangedIsNotTakenIn() throws {
    let sources = family.sources
    var merge = try ImageMerge(try chain(sources), sources, isThick: true)
    var sink = MemorySink()
    #expect {
      try merge.write(
        to: &sink, files: { _, _, count in [UInt8](repeating: 1, count: count) }, progress: { _ in }
      )
    } throws: { error in
      guard case MergeError.changedFile(let path, 2, let offset) = error else { return false }
      return path == "/usr/bin/prog" && offset == 2 * 4096
    }
    #expect {
      try merge.write(
        to: &sink, files: { _, _, _ in throw ImageError(.notElf, at: 0, 0) }, progress: { _ in })
    } throws: { error in
      guard case MergeError.file("/usr/bin/prog", 2, _) = error else { return false }
      return true
    }
  }

  @Test func aFileOfAnotherPlaceIsTakenIn() throws {
    var family = family
    family.newest.regions[0].path = family.newest.string("/usr/bin/other")
    let sources = family.sources
    var merge = try ImageMerge(try chain(sources), sources, isThick: false)
    #expect(merge.fileDataByteCount == 4096)
    var sink = MemorySink()
    try merge.write(to: &sink, files: family.files, progress: { _ in })
    var source = MemorySource(sink.bytes)
    let file = try CheckpointImageFile(from: &source)
    #expect(file.regions[0].fileByteCount == 0)
  }

  @Test func aFullSinkIsSaid() throws {
    let sources = family.sources
    var merge = try ImageMerge(try chain(sources), sources, isThick: false)
    var sink = MemorySink(room: 100_000)
    #expect {
      try merge.write(to: &sink, files: family.files, progress: { _ in })
    } throws: { error in
      if case MergeError.output = error { true } else { false }
    }
  }

  /// Whatever the images of a chain have, the merged one has the same memory.
  @Test(arguments: 0..<48 as Range<UInt64>)
  func anyChainIsTheSameWhenMerged(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var images: [TestImage] = []
    for number in 1...UInt64.random(in: 2...5, using: &random) {
      var image = TestImage.small()
      image.image.identity_low = number
      image.isScattered = Bool.random(using: &random)
      let isChild = !images.isEmpty
      image.cutAtRandom(3, isChild: isChild, using: &random)
      image.cutAtRandom(0, isChild: isChild, using: &random)
      for index in image.runs.indices {
        image.contents[index] = image.pattern(index, salt: Int(number) * 37)
      }
      if let parent = images.last { image.setParent(parent, name: "parent") }
      images.append(image)
    }
    let sources = images.reversed().map { MemorySource($0.bytes()) }
    let bytes = try merged(sources)
    var source = MemorySource(bytes)
    #expect(try CheckpointImageFile.verify(&source).isIntact)
    #expect(try memory([source]) == memory(sources))
    #expect(try merged([source]) == bytes)
  }

  /// A wrong byte anywhere in the head of a parent is a refusal, or of no importance.
  @Test(arguments: 0..<16 as Range<UInt64>)
  func survivesDamagedParents(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let sources = family.sources
    for _ in 0..<20 {
      var damaged = sources
      let link = Int.random(in: 0...2, using: &random)
      var bytes = sources[link].bytes
      let limit = Int(try index(of: bytes).headByteCount)
      bytes[Int.random(in: 0..<limit, using: &random)] ^=
        1 << UInt8.random(in: 0..<8, using: &random)
      damaged[link] = MemorySource(bytes)
      let heads = damaged.compactMap { source in
        var source = source
        return try? ImageHead(from: &source)
      }
      guard heads.count == 3, heads[0].parent?.identity == heads[1].identity,
        heads[1].parent?.identity == heads[2].identity, heads[2].parent == nil
      else { continue }
      #expect(throws: MergeError.self) {
        _ = try ImageMerge(ImageChain(heads), damaged, isThick: false)
      }
    }
  }

  @Test func verifyLooksAtFiles() throws {
    var source = family.sources[2]
    #expect(try CheckpointImageFile.verify(&source, files: family.files).isIntact)
    let report = try CheckpointImageFile.verify(
      &source, files: { _, _, count in [UInt8](repeating: 1, count: count) })
    #expect(report.damages.map(\.owner) == ["file /usr/bin/prog"])
    #expect(report.damages.first?.fileOffset == 2 * 4096)
    let gone = try CheckpointImageFile.verify(
      &source, files: { _, _, _ in throw ImageError(.notElf, at: 0, 0) })
    #expect(gone.damagedPieceCount == 1)
  }
}
