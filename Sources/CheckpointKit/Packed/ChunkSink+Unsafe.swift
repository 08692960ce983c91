internal import CheckpointImage
internal import CStreams
internal import Kernel
internal import KernelABI

/// Compresses an image into the chunks of a snapshot executable.
///
/// The library gets addresses of blocks with the lengths that they have.
final class ChunkSink: ByteSink {
  private let number: Int32
  private let name: String
  private let start: UInt64
  private let input: Block
  private let output: Block

  /// Bytes of chunks that were written.
  private(set) var byteCount: UInt64 = 0

  /// Bytes of the image that they are.
  private(set) var unpackedByteCount: UInt64 = 0

  /// - Parameters:
  ///   - number: a file that stays the caller's.
  ///   - start: where in the file the first chunk comes.
  init(_ number: Int32, _ name: String, at start: UInt64) throws(StreamFailure) {
    self.number = number
    self.name = name
    self.start = start
    input = try Block(PackedChunk.byteLimit)
    output = try Block(PackedChunk.recordByteCount + PackedChunk.byteLimit)
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      let part = min(count - done, input.capacity - input.count)
      Memory.copy(
        from: address + UInt64(done), to: input.address + UInt64(input.count),
        byteCount: UInt64(part))
      input.count += part
      done += part
      if input.count == input.capacity { try flush() }
    }
  }

  func finish() throws(StreamFailure) { if input.count > 0 { try flush() } }

  private func flush() throws(StreamFailure) {
    let place = output.address + UInt64(PackedChunk.recordByteCount)
    let packed = pack(to: place)
    let padded = (packed + 7) / 8 * 8
    for index in packed..<padded { Memory.store(UInt8(0), at: place + UInt64(index)) }
    let words = PackedChunk(
      of: Memory.bytes(at: place, count: padded), packedByteCount: packed, byteCount: input.count
    ).words
    Memory.store(words.0, at: output.address)
    Memory.store(words.1, at: output.address + 8)
    let total = UInt64(PackedChunk.recordByteCount + padded)
    do throws(Errno) {
      try Files.write(number, from: output.address, byteCount: total, at: start + byteCount)
    } catch {
      throw .write(name, error)
    }
    byteCount += total
    unpackedByteCount += UInt64(input.count)
    input.count = 0
  }

  /// - Returns: how many bytes it is; as many as before where it can't be made smaller.
  private func pack(to place: Address) -> Int {
    let source = unsafe UnsafePointer<CChar>(bitPattern: UInt(input.address.rawValue))
    let target = unsafe UnsafeMutablePointer<CChar>(bitPattern: UInt(place.rawValue))
    let made = unsafe LZ4_compress_default(
      source, target, Int32(input.count), Int32(input.count - 1))
    if made > 0 { return Int(made) }
    Memory.copy(from: input.address, to: place, byteCount: UInt64(input.count))
    return input.count
  }
}
