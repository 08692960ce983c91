import CImage
import CKernel
import Foundation
import Kernel
import KernelABI
import Testing

@testable import Agent

private struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

private func configuration(_ variables: String...) -> Configuration {
  var configuration = Configuration()
  let text = variables.map { Array($0.utf8) + [0] }.joined()
  unsafe Array(text).withUnsafeBytes { unsafe configuration.parse($0.bytes) }
  return configuration
}

@Suite struct RetentionTests {
  private func member(_ counter: UInt32, parent: UInt32? = nil) -> SeriesMember {
    SeriesMember(
      counter: counter, realtime: 0, identity: .init(low: UInt64(counter), high: 7),
      parent: parent.map { .init(low: UInt64($0), high: 7) } ?? .none)
  }

  /// Counters of those that stay, newest first.
  private func staying(_ members: [SeriesMember], keep: UInt32) throws -> [UInt32] {
    var arena = try Arena(mapping: 4 << 20)
    var table: Table<SeriesMember> = try Table(in: &arena, capacity: 4096)
    for member in members { try table.append(member) }
    Retention.decide(table, keep: keep)
    let result = (0..<table.count).map { table[$0] }
    try Mapping.unmap(arena.range)
    #expect(result.map(\.counter) == members.map(\.counter).sorted(by: >))
    return result.filter(\.stays).map(\.counter)
  }

  @Test func theNewestStay() throws {
    let members = [3, 1, 10, 2, 9].map { member($0) }
    #expect(try staying(members, keep: 3) == [10, 9, 3])
    #expect(try staying(members, keep: 1) == [10])
    #expect(try staying(members, keep: 0) == [10, 9, 3, 2, 1])
    #expect(try staying(members, keep: 100) == [10, 9, 3, 2, 1])
    #expect(try staying([], keep: 1) == [])
  }

  @Test func whatTheyAreChangesToStaysToo() throws {
    let members = [
      member(1), member(2, parent: 1), member(3, parent: 2), member(4), member(5, parent: 4),
    ]
    #expect(try staying(members, keep: 1) == [5, 4])
    #expect(try staying(members, keep: 2) == [5, 4])
    #expect(try staying(members, keep: 3) == [5, 4, 3, 2, 1])
  }

  @Test func aMissingParentAndACircleEnd() throws {
    #expect(try staying([member(2, parent: 1), member(3, parent: 9)], keep: 1) == [3])
    #expect(
      try staying([member(1, parent: 3), member(2, parent: 1), member(3, parent: 2)], keep: 1)
        == [3, 2, 1])
  }

  /// A series in which each image is full or a change to the one before, some of them lost.
  @Test(arguments: 0..<300 as Range<UInt64>)
  func anySeriesKeepsItsNewestWhole(seed: UInt64) throws {
    var random = Generator(state: seed)
    var members: [SeriesMember] = []
    for counter in 1...UInt32.random(in: 1...40, using: &random) {
      let isChange = counter > 1 && Int.random(in: 0..<4, using: &random) > 0
      members.append(member(counter, parent: isChange ? counter - 1 : nil))
    }
    members.removeAll { _ in Int.random(in: 0..<10, using: &random) == 0 }
    members.shuffle(using: &random)
    let keep = UInt32.random(in: 1...10, using: &random)
    let stay = Set(try staying(members, keep: keep))
    let all = Set(members.map(\.counter))
    // The newest are there,
    #expect(stay.isSuperset(of: all.sorted(by: >).prefix(Int(keep))))
    // nothing that one of them needs is missing that was there before,
    for member in members where stay.contains(member.counter) && member.parent != .none {
      let parent = UInt32(member.parent.low)
      #expect(stay.contains(parent) || !all.contains(parent))
    }
    // and whatever else stays is needed by one that stays.
    for counter in stay.subtracting(all.sorted(by: >).prefix(Int(keep))) {
      #expect(members.contains { stay.contains($0.counter) && $0.parent.low == UInt64(counter) })
    }
    // A second time nothing more goes.
    let left = members.filter { stay.contains($0.counter) }
    #expect(Set(try staying(left, keep: keep)) == stay)
  }
}

@Suite struct ImagePatternTests {
  private func name(
    _ extent: ImagePattern.Extent = .whole, _ variables: String...
  ) throws -> String {
    var text = Configuration()
    let environment = variables.map { Array($0.utf8) + [0] }.joined()
    unsafe Array(environment).withUnsafeBytes { unsafe text.parse($0.bytes) }
    var arena = try Arena(mapping: 1 << 20)
    defer { try? Mapping.unmap(arena.range) }
    let program = "a/b"
    let place = try arena.reserve(16)
    for (offset, byte) in program.utf8.enumerated() {
      Memory.store(byte, at: place + UInt64(offset))
    }
    let fields = ImagePattern.Fields(
      process: 42, realtime: 1_700_000_000_500_000_000, counter: 7, name: place, nameByteCount: 3)
    var path = try ImagePath(in: &arena)
    try ImagePattern(text).put(extent, of: text, fields, into: &path)
    return String(
      decoding: (0..<path.byteCount).map { Memory.load(UInt8.self, at: path.address + $0) },
      as: UTF8.self)
  }

  @Test func fieldsAreReplaced() throws {
    #expect(try name() == "myckpt")
    #expect(try name(.whole, "CKPT_FILE=/x/%n.%p.%t.%c.%%.%z%") == "/x/a_b.42.1700000000.7.%.%z%")
  }

  @Test func inASeriesANameGetsANumberAndALink() throws {
    #expect(try name(.whole, "CKPT_KEEP=2") == "myckpt.7")
    #expect(try name(.link, "CKPT_KEEP=2") == "myckpt")
    #expect(try name(.constant, "CKPT_KEEP=2") == "myckpt.")
    #expect(try name(.whole, "CKPT_FILE=d/%p", "CKPT_INTERVAL=1h") == "d/42.7")
    #expect(try name(.link, "CKPT_FILE=d/%p", "CKPT_INCREMENTAL=1") == "d/42")
  }

  @Test func aNameWithANumberStaysAsItIs() throws {
    for file in ["x%c", "x%t"] {
      let pattern = ImagePattern(configuration("CKPT_FILE=\(file)", "CKPT_KEEP=2"))
      #expect(!pattern.isExtended && pattern.isNumbered == (file == "x%c"))
    }
    #expect(try name(.whole, "CKPT_FILE=x%c.img", "CKPT_KEEP=2") == "x7.img")
    #expect(try name(.constant, "CKPT_FILE=x%c.img", "CKPT_KEEP=2") == "x")
    #expect(ImagePattern(configuration("CKPT_FILE=x%%c", "CKPT_KEEP=2")).isExtended)
    #expect(!ImagePattern(configuration("CKPT_FILE=x%c")).isExtended)
    #expect(ImagePattern(configuration("CKPT_FILE=x%c")).isNumbered)
  }
}

@Suite struct MemberReaderTests {
  /// The head of an image as far as the reader goes: `count` notes of a thread, then the image's own.
  private func head(series: UInt64, notes count: Int) -> [UInt8] {
    func bytes<T>(_ value: T) -> [UInt8] { unsafe withUnsafeBytes(of: value) { unsafe Array($0) } }
    var notes: [UInt8] = []
    for _ in 0..<count {
      notes += bytes(ckernel_elf64_nhdr(namesz: 6, descsz: 2431, type: 0x202))
      notes += Array("LINUX\0\0\0".utf8) + [UInt8](repeating: 0xAA, count: 2432)
    }
    var image = ckpt_image()
    image.identity_low = 11
    image.parent_high = 12
    image.counter = 13
    image.realtime = 14
    image.series = series
    notes += bytes(ckernel_elf64_nhdr(namesz: 5, descsz: 104, type: CKPT_NT_IMAGE))
    notes += Array("CKPT\0\0\0\0".utf8) + bytes(ckpt_table(version: 1, entry_bytes: 88, count: 1))
    notes += bytes(image)
    var header = ckernel_elf64_ehdr()
    header.ident_low = 0x0001_0102_464C_457F
    header.phoff = 64
    let segment = ckernel_elf64_phdr(
      type: 4, flags: 4, offset: 120, vaddr: 0, paddr: 0, filesz: UInt64(notes.count), memsz: 0,
      align: 4)
    return bytes(header) + bytes(segment) + notes
  }

  private func read(_ bytes: [UInt8], series: UInt64) throws -> SeriesMember? {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    let file = FileDescriptor(adopting: unsafe open(url.path, O_RDONLY))
    var arena = try Arena(mapping: 1 << 20)
    defer { try? Mapping.unmap(arena.range) }
    var reader = try MemberReader(in: &arena)
    return reader.read(file, series: series)
  }

  @Test(arguments: [0, 1, 26, 100])
  func anImageOfTheSeriesIsRead(notes: Int) throws {
    let member = try #require(try read(head(series: 5, notes: notes), series: 5))
    #expect(member.counter == 13 && member.realtime == 14)
    #expect(member.identity == .init(low: 11, high: 0))
    #expect(member.parent == .init(low: 0, high: 12))
  }

  @Test func othersAreNot() throws {
    let bytes = head(series: 5, notes: 1)
    #expect(try read(bytes, series: 6) == nil)
    for count in stride(from: 0, to: bytes.count, by: 7) {
      #expect(try read(Array(bytes.prefix(count)), series: 5) == nil)
    }
  }
}
