import CheckpointImage
import Foundation
import KernelABI
import Testing

@testable import CheckpointKit

/// Chunks of packed images, in files.
@Suite struct PackedTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "packed-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// A numbered sequence of bytes: random ones, repetitions of all distances, zeros.
  private static func sample(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var random = Xorshift(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 70_000)
    while bytes.count < count {
      let length = Int.random(in: 1...(Bool.random(using: &random) ? 40 : 70_000), using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes += (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      case 1: bytes += [UInt8](repeating: 0, count: length)
      case 2: bytes += (0..<length).map { UInt8(truncatingIfNeeded: $0 / 7) }
      default:
        let distance = Int.random(in: 1...60, using: &random)
        let start = bytes.count
        for index in 0..<length {
          bytes.append(start + index >= distance ? bytes[start + index - distance] : 1)
        }
      }
    }
    return Array(bytes.prefix(count / 8 * 8))
  }

  private struct Xorshift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// Packs, and describes the file as a snapshot executable with nothing before the image.
  private func packed(_ plain: [UInt8]) throws -> (bytes: [UInt8], executable: Executable) {
    let path = folder.appending(path: "chunks").path
    let file = try Files.open(path, .readWrite | .create, mode: 0o600)
    let sink = try ChunkSink(file.number, path, at: 0)
    try plain.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let part = min(300_001, bytes.count - done)
        try sink.write(
          Address(UInt64(UInt(bitPattern: bytes.baseAddress)) + UInt64(done)), part)
        done += part
      }
    }
    try sink.finish()
    #expect(sink.unpackedByteCount == UInt64(plain.count))
    let program = TestSlot.program
    let frame = try #require(
      ExecutableFrame(
        program: program, imageByteCount: sink.byteCount,
        identity: ImageIdentity(low: 1, high: 2), unpackedByteCount: sink.unpackedByteCount))
    let chunks = try Array(Data(contentsOf: URL(filePath: path)))
    #expect(UInt64(chunks.count) == sink.byteCount)
    return (frame.head + chunks + frame.end, frame.executable)
  }

  private func unpacked(_ bytes: [UInt8], _ executable: Executable) throws -> [UInt8] {
    let path = folder.appending(path: "whole").path
    try Data(bytes).write(to: URL(filePath: path))
    let file = try Files.open(path, .readOnly)
    let source = try ChunkSource(file.number, path, executable)
    let block = try Block()
    var plain: [UInt8] = []
    while true {
      block.count = 0
      try source.read(into: block)
      guard block.count > 0 else { return plain }
      let pointer = UnsafeRawBufferPointer(
        start: UnsafeRawPointer(bitPattern: UInt(block.address.rawValue)), count: block.count)
      plain += pointer
    }
  }

  @Test(arguments: 0..<24 as Range<UInt64>)
  func whatIsPackedIsUnpacked(seed: UInt64) throws {
    let plain = Self.sample(seed, 8 + Int(seed) * 150_000)
    let (bytes, executable) = try packed(plain)
    var source = MemorySource(bytes)
    #expect(try Executable.find(in: &source) == executable)
    #expect(try unpacked(bytes, executable) == plain)
    try FileManager.default.removeItem(at: folder)
  }

  /// No bit of the chunks is without a meaning.
  @Test func noFlippedBitGoesUnseen() throws {
    let (bytes, executable) = try packed(Self.sample(77, 400_000))
    let start = Int(executable.imageOffset)
    let end = start + Int(executable.imageByteCount)
    var random = Xorshift(state: 5)
    let places =
      Array(start..<(start + 16)) + [end - 1]
      + (0..<200).map { _ in Int.random(in: start..<end, using: &random) }
    for place in places {
      var changed = bytes
      changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      #expect(throws: StreamFailure.damaged(.lz4), "byte \(place)") {
        try unpacked(changed, executable)
      }
    }
    #expect(throws: StreamFailure.damaged(.lz4)) {
      try unpacked(Array(bytes.prefix(end - 9)), executable)
    }
    try FileManager.default.removeItem(at: folder)
  }

  /// Whatever a block says, nothing outside of the room is touched.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func anyBlockIsSurvived(seed: UInt64) throws {
    var random = Xorshift(state: seed &* 31 &+ 7)
    let block = (0..<Int.random(in: 0...300, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random) & (Bool.random(using: &random) ? 0xFF : 0x1F)
    }
    let capacity = Int.random(in: 0...600, using: &random)
    let room = try Block(8192)
    for index in 0..<8192 {
      (room.address + UInt64(index)).put(0xA5)
    }
    let made = block.withUnsafeBytes { bytes in
      LZ4Block.unpack(
        RawSpan(_unsafeBytes: bytes), isPacked: true, to: room.address + 4096, capacity: capacity)
    }
    #expect(made.map { $0 <= capacity } ?? true)
    for index in 0..<8192 where index < 4096 || index >= 4096 + capacity {
      #expect((room.address + UInt64(index)).byte == 0xA5)
    }
    try FileManager.default.removeItem(at: folder)
  }
}

extension Address {
  fileprivate var byte: UInt8 {
    UnsafePointer<UInt8>(bitPattern: UInt(rawValue))?.pointee ?? 0
  }

  fileprivate func put(_ byte: UInt8) {
    UnsafeMutablePointer<UInt8>(bitPattern: UInt(rawValue))?.pointee = byte
  }
}

/// The smallest program with a note for an image.
private enum TestSlot {
  static var program: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    func put(_ value: UInt64, _ width: Int, at offset: Int) {
      for byte in 0..<width {
        bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
      }
    }
    put(0x01_0102_464c_457f, 8, at: 0)
    put(2 | 62 << 16 | 1 << 32, 8, at: 16)
    put(64, 8, at: 32)
    put(64 | 56 << 16, 4, at: 52)
    put(2 | 64 << 16, 4, at: 56)
    for (index, (type, offset, count)) in [(1, 0, 1024), (4, 0x200, 100)].enumerated() {
      let place = 64 + index * 56
      put(UInt64(type), 4, at: place)
      put(UInt64(offset), 8, at: place + 8)
      put(0x10000 + UInt64(offset), 8, at: place + 16)
      put(UInt64(count), 8, at: place + 32)
      put(UInt64(count), 8, at: place + 40)
    }
    put(5 | 80 << 32, 8, at: 0x200)
    put(0x4558_4500 | 0x5450_4b43 << 32, 8, at: 0x208)
    return bytes
  }
}
