import CImage
import CheckpointImage
import TestImages
import TestSupport
import Testing

/// A program `restart` as far as the layout looks at it: headers, a note, code, symbols.
struct TestProgram {
  var segments: [(type: UInt32, offset: UInt64, byteCount: UInt64)]
  var noteOffset = 0x200
  var codeByteCount: Int
  var symbolByteCount: Int

  init(codeByteCount: Int = 9000, symbolByteCount: Int = 5000) {
    self.codeByteCount = codeByteCount
    self.symbolByteCount = symbolByteCount
    segments = [
      (1, 0, UInt64(codeByteCount)), (4, 0x1f0, 116),
    ]
  }

  var bytes: [UInt8] {
    var bytes = (0..<(codeByteCount + symbolByteCount)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    func put(_ values: [UInt64], _ width: Int, at offset: Int) {
      for (index, value) in values.enumerated() {
        for byte in 0..<width {
          bytes[offset + index * width + byte] = UInt8(
            truncatingIfNeeded: value >> UInt64(8 * byte))
        }
      }
    }
    put([0x464c_457f, 0x01_0102, 0, 0], 4, at: 0)
    put([2, 62], 2, at: 16)
    put([1], 4, at: 20)
    put([0x10000, 64, 12345], 8, at: 24)
    put([0, 64 | 56 << 16], 4, at: 48)
    put([UInt64(segments.count), 64, 3, 2], 2, at: 56)
    for (index, segment) in segments.enumerated() {
      let place = 64 + index * 56
      put([UInt64(segment.type), 5], 4, at: place)
      put(
        [segment.offset, 0x10000 + segment.offset, 0, segment.byteCount, segment.byteCount, 4],
        8, at: place + 8)
    }
    // Another note first: 16 bytes.
    put([4, 0, 1, 0x554e47], 4, at: 0x1f0)
    put([5, 80, UInt64(CKPT_NT_EXECUTABLE), 0x5450_4b43, 0], 4, at: noteOffset)
    for offset in 0..<80 { bytes[noteOffset + 20 + offset] = 0 }
    return bytes
  }
}

/// The file that a frame and an image make.
private func file(_ frame: ExecutableFrame, _ image: [UInt8]) -> [UInt8] {
  let padding = Int(frame.executable.namesOffset) - frame.head.count - image.count
  return frame.head + image + [UInt8](repeating: 0, count: padding) + frame.end
}

@Suite struct ExecutableTests {
  private static let image = TestImage.small().bytes()
  private static let identity = ImageIdentity(low: 0x1111, high: 0x2222)

  private static func made(
    program: TestProgram = TestProgram(), startsInSavedDirectory: Bool = false
  ) throws -> ExecutableFrame {
    try #require(
      ExecutableFrame(
        program: program.bytes, imageByteCount: UInt64(image.count), identity: identity,
        startsInSavedDirectory: startsInSavedDirectory))
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func whatIsWrittenIsReadAgain(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let program = TestProgram(
      codeByteCount: .random(in: 1024...20000, using: &random),
      symbolByteCount: .random(in: 0...9000, using: &random))
    let byteCount = UInt64.random(in: 1...5000, using: &random) * 8
    let isSaved = Bool.random(using: &random)
    let frame = try #require(
      ExecutableFrame(
        program: program.bytes, imageByteCount: byteCount, identity: Self.identity,
        startsInSavedDirectory: isSaved))
    let image = (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
    let bytes = file(frame, image)
    var source = MemorySource(bytes)
    let found = try #require(try Executable.find(in: &source))
    #expect(found == frame.executable)
    #expect(found.startsInSavedDirectory == isSaved)
    #expect(found.imageOffset % 4096 == 0 && found.imageOffset >= program.codeByteCount)
    #expect(found.fileByteCount == bytes.count)
    let start = Int(found.imageOffset)
    #expect(Array(bytes[start..<(start + image.count)]) == image)
  }

  /// But for what the layout says, the head is the program's.
  @Test func theProgramStaysAsItWas() throws {
    let program = TestProgram()
    let frame = try Self.made(program: program)
    var changed: Set<Int> = []
    for (offset, byte) in program.bytes.prefix(program.codeByteCount).enumerated()
    where frame.head[offset] != byte { changed.insert(offset) }
    let allowed = Set(40..<48).union(58..<64).union((0x200 + 20)..<(0x200 + 100))
    #expect(changed.isSubset(of: allowed))
  }

  @Test func plainRestartIsNone() throws {
    var source = MemorySource(TestProgram().bytes)
    #expect(try Executable.find(in: &source) == nil)
    var image = MemorySource(Self.image)
    #expect(try Executable.find(in: &image) == nil)
  }

  @Test func whatIsNoRestartMakesNone() {
    var program = TestProgram()
    program.segments.removeLast()
    for bytes in [
      [], [1, 2, 3], Self.image, program.bytes, Array(TestProgram().bytes.prefix(900)),
    ] {
      #expect(
        ExecutableFrame(program: bytes, imageByteCount: 8, identity: Self.identity) == nil)
    }
  }

  @Test(arguments: 0..<64)
  func noFlippedBitAroundTheImageGoesUnseen(part: Int) throws {
    let frame = try Self.made(startsInSavedDirectory: true)
    let whole = file(frame, Self.image)
    let image = Int(frame.executable.imageOffset)..<Int(frame.executable.namesOffset)
    var random = SeededGenerator(seed: UInt64(part))
    for offset in stride(from: part, to: whole.count, by: 64) where !image.contains(offset) {
      var bytes = whole
      bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      #expect(!Self.isAccepted(bytes), "offset \(offset)")
    }
  }

  @Test func noTruncationGoesUnseen() throws {
    let whole = file(try Self.made(), Self.image)
    for count in stride(from: 0, to: whole.count, by: 13) {
      #expect(!Self.isAccepted(Array(whole[..<count])), "\(count) bytes")
    }
    #expect(!Self.isAccepted(whole + [0]))
    #expect(Self.isAccepted(whole))
  }

  @Test(arguments: 0..<64 as Range<UInt64>)
  func survivesManyWrongBytes(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let frame = try Self.made()
    for _ in 0..<50 {
      var bytes = file(frame, Self.image)
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<1024, using: &random)] = .random(in: .min ... .max, using: &random)
      }
      _ = Self.isAccepted(bytes)
    }
  }

  /// Whether a reader takes it for a snapshot executable.
  private static func isAccepted(_ bytes: [UInt8]) -> Bool {
    var source = MemorySource(bytes)
    return ((try? Executable.find(in: &source)) ?? nil) != nil
  }
}
