internal import Kernel
internal import KernelABI

/// A buffer that a stream passes through: one of a few, whatever the size of the stream.
final class Block {
  let address: Address
  let capacity: Int

  /// Bytes that are in it.
  var count = 0

  /// Bytes of an ordinary one.
  static let size = 1 << 20

  init(_ capacity: Int = size) throws(StreamFailure) {
    do throws(Errno) {
      address = try Mapping.map(
        byteCount: roundedUpToPage(UInt64(capacity)), .read | .write, .private | .anonymous)
    } catch {
      throw .memory(error)
    }
    self.capacity = capacity
  }

  deinit {
    let byteCount = roundedUpToPage(UInt64(capacity))
    if let range = AddressRange(start: address, byteCount: byteCount) {
      _ = try? Mapping.unmap(range)
    }
  }
}

/// Where bytes come from, in their order.
protocol ByteSource: AnyObject {
  /// Puts what comes next into an empty block; none: this is the end, and all before was right.
  func read(into block: Block) throws(StreamFailure)
}

/// Where bytes go to, in their order.
protocol ByteSink: AnyObject {
  func write(_ address: Address, _ count: Int) throws(StreamFailure)

  /// Says that this was all; without it, the other end knows that it was not.
  func finish() throws(StreamFailure)
}

/// Moves a stream from end to end.
///
/// A block goes on only when the next one, or the end, has come: so the last bytes never arrive of a
/// stream that turns out to be damaged, cut or lengthened at its end.
func pump(
  _ source: any ByteSource, to sink: any ByteSink, progress: (UInt64) -> Void = { _ in }
) throws(StreamFailure) {
  var current = try Block()
  var next = try Block()
  var done: UInt64 = 0
  try source.read(into: current)
  while current.count > 0 {
    next.count = 0
    try source.read(into: next)
    try sink.write(current.address, current.count)
    done += UInt64(current.count)
    progress(done)
    swap(&current, &next)
  }
  try sink.finish()
}
