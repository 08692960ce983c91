internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Makes a snapshot executable with a compressed image of an image that passes by.
final class ExecutableSink: ByteSink {
  private let number: Int32
  private let name: String
  private let order: ExecutableOrder
  private let program: [UInt8]
  private let chunks: ChunkSink

  /// The first bytes of the image, until its whole head is there.
  private var head: [UInt8] = []
  private var headByteCount: Int?

  /// Bytes of the executable, once it is finished.
  private(set) var fileByteCount: UInt64 = 0

  /// - Parameter number: a file that can be written anywhere, and stays the caller's.
  init(_ number: Int32, _ name: String, _ order: ExecutableOrder) throws(StreamFailure) {
    self.number = number
    self.name = name
    self.order = order
    let program: [UInt8]
    do throws(Errno) { program = try HostFiles.contents(of: order.program) } catch {
      throw .read(order.program, error)
    }
    self.program = program
    let identity = ImageIdentity(low: 0, high: 0)
    guard let frame = ExecutableFrame(program: program, imageByteCount: 8, identity: identity)
    else { throw .read(order.program, .noExec) }
    chunks = try ChunkSink(number, name, at: frame.executable.imageOffset)
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    try keepHead(address, count)
    try chunks.write(address, count)
  }

  private func keepHead(_ address: Address, _ count: Int) throws(StreamFailure) {
    let limit = headByteCount ?? PassingImage.pageByteCount
    guard head.count < limit else { return }
    let part = min(count, limit - head.count)
    head += (0..<part).map { Memory.load(UInt8.self, at: address + UInt64($0)) }
    guard headByteCount == nil, head.count == limit else { return }
    do throws(ImageError) { headByteCount = Int(try PassingImage.headByteCount(head)) } catch {
      throw .damaged(.image)
    }
    try keepHead(address + UInt64(part), count - part)
  }

  func finish() throws(StreamFailure) {
    try chunks.finish()
    let identity: ImageIdentity
    do throws(ImageError) {
      identity = try PassingImage(head: Array(head.prefix(headByteCount ?? 0))).head.identity
    } catch {
      throw .damaged(.image)
    }
    guard
      let frame = ExecutableFrame(
        program: program, imageByteCount: chunks.byteCount, identity: identity,
        unpackedByteCount: chunks.unpackedByteCount,
        startsInSavedDirectory: order.startsInSavedDirectory)
    else { throw .read(order.program, .noExec) }
    try put(frame.head, at: 0)
    try put(frame.end, at: frame.executable.namesOffset)
    fileByteCount = frame.executable.fileByteCount
  }

  private func put(_ bytes: [UInt8], at offset: UInt64) throws(StreamFailure) {
    let number = number
    do throws(Errno) {
      try withAddress(ofBytes: bytes) { address throws(Errno) in
        try Files.write(
          number, from: address, byteCount: UInt64(bytes.count), at: offset)
      }
    } catch {
      throw .write(name, error)
    }
  }
}
