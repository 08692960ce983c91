internal import CStreams
internal import Kernel
internal import KernelABI

/// Compresses what it is given and hands it on.
///
/// The contexts are made and freed by the libraries, are never handed out, and every call gets
/// addresses of blocks with the lengths that they have.
@safe
final class PackingSink: ByteSink {
  private let target: any ByteSink
  private let output: Block
  private let packer: Packer
  private let format: StreamFailure.Format

  @safe private enum Packer {
    case lz4(OpaquePointer)
    case zstd(OpaquePointer)
    case gzip(UnsafeMutablePointer<z_stream>)
  }

  /// `nil` for `.none`.
  init?(_ packing: StreamPacking, to target: any ByteSink) throws(StreamFailure) {
    self.target = target
    let packer: Packer?
    switch packing {
    case .none: return nil
    case .lz4:
      packer = unsafe cpacking_lz4_start().map { unsafe Packer.lz4($0) }
      format = .lz4
    case .zstd(let level, let threads):
      packer = unsafe cpacking_zstd_start(Int32(level), Int32(threads)).map {
        unsafe Packer.zstd($0)
      }
      format = .zstd
    case .gzip(let level):
      packer = unsafe cpacking_deflate_start(Int32(level)).map { unsafe Packer.gzip($0) }
      format = .gzip
    }
    guard let packer else { throw .memory(.outOfMemory) }
    self.packer = packer
    output = try Block(format == .lz4 ? cpacking_lz4_room() : Block.size)
    if format == .lz4 { try step(CPACKING_LZ4_BEGIN, output.address, 0) }
  }

  deinit {
    switch packer {
    case .lz4(let context): _ = unsafe LZ4F_freeCompressionContext(context)
    case .zstd(let context): _ = unsafe ZSTD_freeCCtx(context)
    case .gzip(let stream): unsafe cpacking_deflate_end(stream)
    }
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      let part = min(count - done, Int(CPACKING_LZ4_INPUT))
      done += try step(CPACKING_LZ4_DATA, address + UInt64(done), part).taken
    }
  }

  func finish() throws(StreamFailure) {
    while try step(CPACKING_LZ4_END, output.address, 0).is_done == 0 {}
    try target.finish()
  }

  @discardableResult
  private func step(
    _ part: cpacking_lz4_part, _ address: Address, _ count: Int
  ) throws(StreamFailure) -> cpacking_step {
    let input = unsafe UnsafeRawPointer(bitPattern: UInt(address.rawValue))
    let room = unsafe UnsafeMutableRawPointer(bitPattern: UInt(output.address.rawValue))
    let ends: Int32 = part == CPACKING_LZ4_END ? 1 : 0
    let step =
      switch packer {
      case .lz4(let context):
        unsafe cpacking_lz4(context, part, input, count, room, output.capacity)
      case .zstd(let context):
        unsafe cpacking_zstd(context, input, count, room, output.capacity, ends)
      case .gzip(let stream):
        unsafe cpacking_deflate(stream, input, count, room, output.capacity, ends)
      }
    guard step.is_failed == 0 else { throw .memory(.outOfMemory) }
    if step.made > 0 { try target.write(output.address, step.made) }
    return step
  }
}
