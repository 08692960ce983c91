internal import CStreams
internal import Kernel
internal import KernelABI

/// Unpacks what comes from another source, frame after frame.
///
/// The contexts are the libraries'; see `PackingSink`. They use bounded memory: frames that ask for
/// more (a window above 64 MiB) are refused.
@safe
final class UnpackingSource: ByteSource {
  private let source: any ByteSource
  private let format: StreamFailure.Format
  private let unpacker: Unpacker
  private let input: Block
  private var taken = 0

  /// Between two frames; at the end of the source only there is it whole.
  private var isBetween = true

  @safe private enum Unpacker {
    case lz4(OpaquePointer)
    case zstd(OpaquePointer)
    case gzip(UnsafeMutablePointer<z_stream>)
  }

  /// - Parameter format: one of lz4, zstd and gzip.
  init(
    _ format: StreamFailure.Format, from source: any ByteSource
  ) throws(StreamFailure) {
    self.source = source
    self.format = format
    input = try Block()
    let unpacker: Unpacker? =
      switch format {
      case .lz4: unsafe cpacking_unlz4_start().map { unsafe .lz4($0) }
      case .zstd: unsafe cpacking_unzstd_start().map { unsafe .zstd($0) }
      default: unsafe cpacking_inflate_start().map { unsafe .gzip($0) }
      }
    guard let unpacker else { throw .memory(.outOfMemory) }
    self.unpacker = unpacker
  }

  deinit {
    switch unpacker {
    case .lz4(let context): _ = unsafe LZ4F_freeDecompressionContext(context)
    case .zstd(let context): _ = unsafe ZSTD_freeDCtx(context)
    case .gzip(let stream): unsafe cpacking_inflate_end(stream)
    }
  }

  func read(into block: Block) throws(StreamFailure) {
    while block.count == 0 {
      if taken == input.count {
        input.count = 0
        taken = 0
        try source.read(into: input)
      }
      guard input.count > 0 || !isBetween else { return }
      let step = step(into: block)
      guard step.is_failed == 0 else { throw isBetween ? .trailing(format) : .damaged(format) }
      guard input.count > 0 || step.made > 0 || step.is_done != 0 else { throw .endedEarly(format) }
      guard input.count == 0 || step.taken > 0 || step.made > 0 else { throw .damaged(format) }
      taken += step.taken
      block.count = step.made
      isBetween = step.is_done != 0
      // A whole frame may pass in one step. Without this, zlib stays at its end for ever.
      if isBetween, case .gzip(let stream) = unpacker {
        unsafe cpacking_inflate_reset(stream)
      }
    }
  }

  private func step(into block: Block) -> cpacking_step {
    let address = input.address + UInt64(taken)
    let bytes = unsafe UnsafeRawPointer(bitPattern: UInt(address.rawValue))
    let room = unsafe UnsafeMutableRawPointer(bitPattern: UInt(block.address.rawValue))
    let count = input.count - taken
    return switch unpacker {
    case .lz4(let context):
      unsafe cpacking_unlz4(context, bytes, count, room, block.capacity)
    case .zstd(let context):
      unsafe cpacking_unzstd(context, bytes, count, room, block.capacity)
    case .gzip(let stream):
      unsafe cpacking_inflate(stream, bytes, count, room, block.capacity)
    }
  }
}
