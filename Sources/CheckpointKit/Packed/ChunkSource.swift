internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Unpacks the compressed image of a snapshot executable.
final class ChunkSource: ByteSource {
  private let number: Int32
  private let name: String
  private let executable: Executable
  private let packed: Block
  private var done: UInt64 = 0
  private var made: UInt64 = 0

  /// - Parameter number: the snapshot executable, which stays the caller's.
  init(_ number: Int32, _ name: String, _ executable: Executable) throws(StreamFailure) {
    self.number = number
    self.name = name
    self.executable = executable
    packed = try Block(PackedChunk.byteLimit)
  }

  func read(into block: Block) throws(StreamFailure) {
    guard done < executable.imageByteCount else {
      guard made == executable.unpackedByteCount else { throw .damaged(.lz4) }
      return
    }
    try read(PackedChunk.recordByteCount)
    do throws(ImageError) {
      let chunk = try PackedChunk(
        record: Memory.bytes(at: packed.address, count: PackedChunk.recordByteCount),
        left: executable.imageByteCount - done,
        unpackedLeft: executable.unpackedByteCount - made)
      done += UInt64(PackedChunk.recordByteCount)
      do throws(StreamFailure) { try read(chunk.paddedByteCount) } catch {
        throw ImageError(.truncated, at: done, UInt64(chunk.paddedByteCount))
      }
      try chunk.unpack(
        Memory.bytes(at: packed.address, count: chunk.paddedByteCount), to: block.address)
      done += UInt64(chunk.paddedByteCount)
      made += UInt64(chunk.byteCount)
      block.count = chunk.byteCount
    } catch {
      throw .damaged(.lz4)
    }
  }

  private func read(_ count: Int) throws(StreamFailure) {
    let file = FileDescriptor(adopting: number)
    let found: UInt64
    do throws(Errno) {
      found = try file.readFully(
        to: packed.address, byteCount: UInt64(count), at: executable.imageOffset + done)
    } catch {
      _ = file.relinquish()
      throw .read(name, error)
    }
    _ = file.relinquish()
    guard found == UInt64(count) else { throw .damaged(.lz4) }
  }
}
