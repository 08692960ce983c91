internal import Kernel
internal import KernelABI

/// A stream as it is inside: opened with the key, and unpacked, whichever way it was packed.
///
/// - Parameter needsKey: whether only an encrypted one is taken.
func decoded(
  _ source: any ByteSource, key: SealKey?, needsKey: Bool
) throws(StreamFailure) -> any ByteSource {
  var begun = try BegunSource(source)
  if begun.format == .encryption {
    guard let key else { throw .noKey }
    begun = try BegunSource(try OpeningSource(key, from: begun))
  } else if needsKey || key != nil {
    throw .notEncrypted
  }
  guard let format = begun.format else { return begun }
  guard format != .encryption else { throw .unsupportedSeal }
  return try UnpackingSource(format, from: begun)
}

/// A source of which the first bytes were looked at.
private final class BegunSource: ByteSource {
  private let source: any ByteSource
  private let first: Block
  private var isGiven = false

  /// What the first bytes say that it is.
  let format: StreamFailure.Format?

  init(_ source: any ByteSource) throws(StreamFailure) {
    self.source = source
    first = try Block()
    let reader = try Block()
    while first.count < SealHeader.magic.count {
      reader.count = 0
      try source.read(into: reader)
      guard reader.count > 0 else { break }
      // The first block that comes is nearly always long enough.
      let part = min(reader.count, first.capacity - first.count)
      Memory.copy(
        from: reader.address, to: first.address + UInt64(first.count), byteCount: UInt64(part))
      first.count += part
      rest = part < reader.count ? reader : nil
      restOffset = part
    }
    let count = min(first.count, SealHeader.magic.count)
    let start = first.address
    format = StreamFailure.Format(
      prefix: (0..<count).map { Memory.load(UInt8.self, at: start + UInt64($0)) })
  }

  private var rest: Block?
  private var restOffset = 0

  func read(into block: Block) throws(StreamFailure) {
    if !isGiven {
      isGiven = true
      give(first, from: 0, to: block)
    } else if let rest {
      give(rest, from: restOffset, to: block)
      self.rest = nil
    } else {
      try source.read(into: block)
    }
  }

  private func give(_ from: Block, from offset: Int, to block: Block) {
    block.count = from.count - offset
    if block.count > 0 {
      Memory.copy(
        from: from.address + UInt64(offset), to: block.address, byteCount: UInt64(block.count))
    }
  }
}
