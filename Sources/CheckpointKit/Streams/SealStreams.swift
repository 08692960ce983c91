internal import Kernel
internal import KernelABI

/// Encrypts what it is given, chunk by chunk.
final class SealingSink: ByteSink {
  private let target: any ByteSink
  private let cipher: ChunkCipher
  private let chunk: Block
  private let output: Block
  private var number: UInt64 = 0

  init(
    _ key: SealKey, _ cipher: StreamCipher, to target: any ByteSink
  ) throws(StreamFailure) {
    let header: SealHeader
    do throws(Errno) {
      header = SealHeader(
        cipher: cipher, derivation: key.derivation, identity: try randomBytes(16),
        salt: try randomBytes(16))
    } catch {
      throw .memory(error)
    }
    self.target = target
    self.cipher = try ChunkCipher(header, key)
    chunk = try Block(SealHeader.chunkByteCount)
    output = try Block(SealHeader.chunkByteCount + SealHeader.tagByteCount)
    let bytes = header.encoded
    for (index, byte) in bytes.enumerated() {
      Memory.store(byte, at: output.address + UInt64(index))
    }
    try target.write(output.address, bytes.count)
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      // A full chunk goes when something follows: the last one has to know that it is.
      if chunk.count == chunk.capacity { try send(isLast: false) }
      let part = min(count - done, chunk.capacity - chunk.count)
      Memory.copy(
        from: address + UInt64(done), to: chunk.address + UInt64(chunk.count),
        byteCount: UInt64(part))
      chunk.count += part
      done += part
    }
  }

  func finish() throws(StreamFailure) {
    try send(isLast: true)
    try target.finish()
  }

  private func send(isLast: Bool) throws(StreamFailure) {
    try cipher.seal(
      chunk.address, chunk.count, number: number, isLast: isLast, to: output.address)
    try target.write(output.address, chunk.count + SealHeader.tagByteCount)
    number += 1
    chunk.count = 0
  }
}

extension SealKey {
  fileprivate var derivation: SealHeader.Derivation {
    switch self {
    case .secret: .keyFile
    case .passphrase: .passphrase(logCost: SealHeader.usualLogCost)
    }
  }
}

/// Opens what comes encrypted from another source; every byte that it gives was authenticated.
final class OpeningSource: ByteSource {
  private let source: ByteReader
  private let cipher: ChunkCipher
  private let chunk: Block
  private var number: UInt64 = 0
  private var isOver = false

  init(_ key: SealKey, from source: any ByteSource) throws(StreamFailure) {
    let reader = try ByteReader(source)
    let chunk = try Block(SealHeader.chunkByteCount + SealHeader.tagByteCount)
    let count = try reader.read(to: chunk.address, SealHeader.byteCount)
    guard count == SealHeader.byteCount else { throw .endedEarly(.encryption) }
    let bytes = (0..<count).map { Memory.load(UInt8.self, at: chunk.address + UInt64($0)) }
    cipher = try ChunkCipher(try SealHeader(bytes), key)
    self.chunk = chunk
    self.source = reader
  }

  func read(into block: Block) throws(StreamFailure) {
    // An empty stream has a chunk too: only the end has no bytes.
    guard !isOver else { return }
    let count = try source.read(to: chunk.address, chunk.capacity)
    isOver = try source.isAtEnd()
    guard
      cipher.open(
        chunk.address, count, number: number, isLast: isOver, to: block.address)
    else { throw number == 0 ? .wrongKey : .tampered(chunk: number) }
    block.count = count - SealHeader.tagByteCount
    number += 1
  }
}

/// Reads exact numbers of bytes from a source, and sees its end coming.
final class ByteReader {
  private let source: any ByteSource
  private let block: Block
  private var taken = 0

  init(_ source: any ByteSource) throws(StreamFailure) {
    self.source = source
    block = try Block()
  }

  /// - Returns: bytes read, fewer than asked for only at the end.
  func read(to address: Address, _ count: Int) throws(StreamFailure) -> Int {
    var done = 0
    while done < count, try !isAtEnd() {
      let part = min(count - done, block.count - taken)
      Memory.copy(
        from: block.address + UInt64(taken), to: address + UInt64(done), byteCount: UInt64(part))
      taken += part
      done += part
    }
    return done
  }

  func isAtEnd() throws(StreamFailure) -> Bool {
    if taken == block.count {
      block.count = 0
      taken = 0
      try source.read(into: block)
    }
    return block.count == 0
  }
}
