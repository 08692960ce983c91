import Kernel
import KernelABI
import TestSupport
import Testing

@testable import CheckpointKit

/// Gives bytes in parts of a length that the seed decides.
private final class ArraySource: ByteSource {
  private var rest: ArraySlice<UInt8>
  private var random: SeededGenerator

  init(_ bytes: [UInt8], seed: UInt64) {
    rest = bytes[...]
    random = SeededGenerator(seed: seed)
  }

  func read(into block: Block) throws(StreamFailure) {
    let limit = [1, 7, 4096, block.capacity][Int(random.next() % 4)]
    let part = rest.prefix(min(limit, block.capacity))
    for (index, byte) in part.enumerated() {
      Memory.store(byte, at: block.address + UInt64(index))
    }
    block.count = part.count
    rest = rest.dropFirst(part.count)
  }
}

private final class ArraySink: ByteSink {
  var bytes: [UInt8] = []
  var isFinished = false

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    for index in 0..<count {
      bytes.append(Memory.load(UInt8.self, at: address + UInt64(index)))
    }
  }
  func finish() throws(StreamFailure) { isFinished = true }
}

private func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SeededGenerator(seed: seed)
  // Half of it repeats itself.
  return (0..<count).map {
    $0 & 64 == 0 ? UInt8(truncatingIfNeeded: $0) : UInt8(truncatingIfNeeded: random.next())
  }
}

private let key = SealKey.secret([UInt8](repeating: 7, count: 32))

private func packed(
  _ plain: [UInt8], _ packing: StreamPacking, _ key: SealKey? = nil, seed: UInt64 = 1,
  cipher: StreamCipher = .aes256GCM
) throws -> [UInt8] {
  let end = ArraySink()
  var sink: any ByteSink = end
  if let key { sink = try SealingSink(key, cipher, to: sink) }
  if let packing = try PackingSink(packing, to: sink) { sink = packing }
  try pump(ArraySource(plain, seed: seed), to: sink)
  #expect(end.isFinished)
  return end.bytes
}

/// What comes out, whole or not at all; what was written before an error counts as read.
private func unpacked(_ bytes: [UInt8], key: SealKey? = nil, seed: UInt64 = 2) throws -> [UInt8] {
  let sink = ArraySink()
  let source = try decoded(ArraySource(bytes, seed: seed), key: key, needsKey: key != nil)
  try pump(source, to: sink)
  return sink.bytes
}

/// The failure of an attempt, and what had arrived until then.
private func attempt(
  _ bytes: [UInt8], key: SealKey?
) -> (failure: StreamFailure?, arrived: [UInt8]) {
  let sink = ArraySink()
  do throws(StreamFailure) {
    let source = try decoded(ArraySource(bytes, seed: 5), key: key, needsKey: key != nil)
    try pump(source, to: sink)
    return (nil, sink.bytes)
  } catch {
    #expect(!sink.isFinished)
    return (error, sink.bytes)
  }
}

@Suite struct StreamPlaceTests {
  @Test func placesAreUnderstood() {
    #expect(StreamPlace("-") == .standard)
    #expect(StreamPlace("a/b") == .file("a/b"))
    #expect(StreamPlace("unix:/run/x") == .unix("/run/x"))
    #expect(StreamPlace("tcp://h:1") == .tcp(host: "h", port: 1))
    #expect(StreamPlace("tcp://:65535") == .tcp(host: "", port: 65535))
    #expect(StreamPlace("udp://[fe80::1]:9") == .udp(host: "fe80::1", port: 9))
    #expect(StreamPlace("tcp://[::1]:9")?.text == "tcp://[::1]:9")
  }

  @Test(arguments: [
    "", "unix:", "tcp://h", "tcp://h:", "tcp://h:0", "tcp://h:65536", "tcp://a:b:1", "tcp://[h]:1",
    "http://h:1", "tcp://h /:1", "unix:" + String(repeating: "x", count: 108),
  ])
  func whatCannotBeIsRefused(text: String) { #expect(StreamPlace(text) == nil) }

  @Test func onlyNetworksAreOpenToStrangers() {
    #expect(StreamPlace.tcp(host: "", port: 1).isNetwork)
    #expect(StreamPlace.udp(host: "", port: 1).isNetwork)
    #expect(!StreamPlace.unix("x").isNetwork && !StreamPlace.standard.isNetwork)
  }

  @Test func packingsAreUnderstood() {
    #expect(StreamPacking("zstd") == .zstd(level: 3, threads: 1))
    #expect(StreamPacking("zstd:19:4") == .zstd(level: 19, threads: 4))
    #expect(StreamPacking("gzip:9") == .gzip(level: 9))
    #expect(StreamPacking("lz4") == .lz4 && StreamPacking("none") == StreamPacking.none)
    for bad in [
      "", "zip", "lz4:1", "zstd:20", "zstd:0", "zstd:3:0", "zstd:3:4:5", "gzip:x", "gzip:10",
    ] {
      #expect(StreamPacking(bad) == nil, "\(bad)")
    }
  }
}

@Suite struct StreamFilterTests {
  private static let packings: [StreamPacking] = [
    .none, .lz4, .zstd(level: 1, threads: 1), .zstd(level: 3, threads: 2), .gzip(level: 1),
  ]

  @Test(arguments: packings, [0, 1, 8, 4096, 1 << 20, (1 << 20) + 1, 3_333_333])
  func whatGoesInComesOut(packing: StreamPacking, count: Int) throws {
    let plain = bytes(count, seed: UInt64(count))
    #expect(try unpacked(packed(plain, packing, seed: UInt64(count))) == plain)
    #expect(try unpacked(packed(plain, packing, key), key: key) == plain)
  }

  @Test(arguments: [StreamCipher.aes256GCM, .chaCha20Poly1305])
  func bothCiphersOpenWhatTheySealed(cipher: StreamCipher) throws {
    let plain = bytes(2_500_000, seed: 3)
    #expect(try unpacked(packed(plain, .none, key, cipher: cipher), key: key) == plain)
  }

  @Test(arguments: packings.dropFirst())
  func compressedStreamsThatAreCutOrLengthenedAreRefused(packing: StreamPacking) throws {
    let plain = bytes(300_000, seed: 4)
    let whole = try packed(plain, packing)
    for count in [whole.count - 1, whole.count / 2, 20] {
      let (failure, arrived) = attempt(Array(whole.prefix(count)), key: nil)
      #expect(failure != nil && arrived.count < plain.count, "\(packing) \(count)")
    }
    #expect(attempt(whole + Array("garbage garbage garbage".utf8), key: nil).failure != nil)
    #expect(try unpacked(whole + whole) == plain + plain)
  }

  @Test func framesThatAskForTooMuchMemoryAreRefused() {
    // A zstd frame with a window of 2^41 bytes; then one of 128 MiB.
    for descriptor: UInt8 in [0xF8, 0x88] {
      let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, descriptor, 0x01, 0x00, 0x00, 0, 0, 0]
      #expect(attempt(frame, key: nil).failure != nil)
    }
  }

  @Test func garbageOfAnyKindEndsInAFailureOrInItself() {
    var random = SeededGenerator(seed: 11)
    let magics: [[UInt8]] = [
      [0x04, 0x22, 0x4D, 0x18], [0x28, 0xB5, 0x2F, 0xFD], [0x1F, 0x8B, 0x08], SealHeader.magic,
    ]
    for round in 0..<200 {
      let tail = (0..<Int(random.next() % 5000)).map { _ in UInt8(truncatingIfNeeded: random.next())
      }
      _ = attempt(magics[round % 4] + tail, key: round % 2 == 0 ? key : nil)
    }
  }
}

@Suite struct SealTests {
  /// Bytes of a sealed chunk.
  private static let chunk = SealHeader.chunkByteCount + SealHeader.tagByteCount
  private static let plain = bytes(2 * SealHeader.chunkByteCount + 1000, seed: 9)

  private func sealed() throws -> [UInt8] { try packed(Self.plain, .none, key) }

  /// Nothing of a chunk that is not right arrives, and the stream is never said to be whole.
  private func isRefused(_ bytes: [UInt8], _ key: SealKey = key) -> Bool {
    let (failure, arrived) = attempt(bytes, key: key)
    return failure != nil && arrived.count < Self.plain.count && Self.plain.starts(with: arrived)
  }

  @Test func everyRegionOfBitsCounts() throws {
    let whole = try sealed()
    var random = SeededGenerator(seed: 21)
    var places = Array(0..<SealHeader.byteCount)
    for start in [SealHeader.byteCount, SealHeader.byteCount + Self.chunk, whole.count - 1016] {
      places += (0..<4).map { _ in start + Int(random.next() % 1000) }
    }
    places += [SealHeader.byteCount + Self.chunk - 1, whole.count - 1, whole.count - 16]
    for place in places {
      var bytes = whole
      bytes[place] ^= 1 << (random.next() % 8)
      #expect(isRefused(bytes), "a flipped bit in byte \(place)")
    }
  }

  @Test func chunksCannotBeReorderedLeftOutOrRepeated() throws {
    let whole = try sealed()
    let head = Array(whole[..<SealHeader.byteCount])
    let body = Array(whole[SealHeader.byteCount...])
    let first = Array(body[..<Self.chunk])
    let second = Array(body[Self.chunk..<(2 * Self.chunk)])
    let last = Array(body[(2 * Self.chunk)...])
    #expect(isRefused(head + second + first + last))
    #expect(isRefused(head + first + last))
    #expect(isRefused(head + second + last))
    #expect(isRefused(head + first + first + second + last))
    #expect(isRefused(head + first + second + last + last))
    #expect(isRefused(head + first + second))
    #expect(isRefused(head + first))
    #expect(isRefused(head))
    #expect(isRefused(head + first + second + last.dropLast()))
    #expect(isRefused(whole + [0]))
  }

  @Test func chunksCannotBeTakenFromAnotherStreamOfTheSameKey() throws {
    let (one, other) = (try sealed(), try sealed())
    #expect(one != other)
    let split = SealHeader.byteCount + Self.chunk
    #expect(isRefused(Array(one[..<split]) + Array(other[split...])))
    #expect(isRefused(Array(one[..<SealHeader.byteCount]) + Array(other[SealHeader.byteCount...])))
  }

  @Test func anotherKeyOpensNothing() throws {
    let (failure, arrived) = attempt(
      try sealed(), key: .secret([UInt8](repeating: 8, count: 32)))
    #expect(failure == .wrongKey && arrived.isEmpty)
    #expect(attempt(try sealed(), key: nil).failure == .noKey)
    #expect(attempt(Self.plain, key: key).failure == .notEncrypted)
    #expect(attempt(try sealed(), key: .passphrase([1])).failure == .wrongKey)
  }

  @Test func passphrasesWork() throws {
    let phrase = SealKey.passphrase(Array("correct horse".utf8))
    let bytes = try packed([1, 2, 3], .none, phrase)
    #expect(try unpacked(bytes, key: phrase) == [1, 2, 3])
    #expect(attempt(bytes, key: .passphrase(Array("wrong horse".utf8))).failure == .wrongKey)
  }

  @Test func headersSayOnlyWhatIsUnderstood() throws {
    let header = SealHeader(
      cipher: .chaCha20Poly1305, derivation: .passphrase(logCost: 15),
      identity: Array(0..<16), salt: Array(16..<32))
    #expect(header.encoded.count == SealHeader.byteCount)
    #expect(try SealHeader(header.encoded) == header)
    for (place, byte) in [(0, 0), (8, 2), (9, 3), (10, 21), (11, 2), (12, 21), (12, 9), (13, 1)] {
      var bytes = header.encoded
      bytes[place] = UInt8(byte)
      #expect(throws: StreamFailure.unsupportedSeal) { try SealHeader(bytes) }
    }
  }

  @Test func keyFilesHaveOneForm() {
    let digits = String(repeating: "0aF9", count: 16)
    #expect(SealKey(keyFile: Array("ckpt-key-1 \(digits)\n".utf8)) != nil)
    for bad in ["", digits, "ckpt-key-1 \(digits)0\n", "ckpt-key-1 \(digits.dropLast())g\n"] {
      #expect(SealKey(keyFile: Array(bad.utf8)) == nil)
    }
  }
}
