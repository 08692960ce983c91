internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Digests of pages, read and checked block by block as they are needed.
///
/// One block is kept, at an address: who reads data in order reads each block once.
struct DigestCache: BitwiseCopyable {
  /// Which block is there: its image and one more, 0: none; then its index.
  private let state: Address
  private let digests: Address

  /// What it takes at its address, zero at first.
  static let byteCount: UInt64 = 64 + ImageEnd.blockPieceCount * 8

  init(at address: Address) {
    state = address
    digests = address + 64
  }

  /// The digests of the block that has the one of piece `index`, from that one on.
  ///
  /// - Returns: at least one.
  func digests(
    from index: UInt64, link: UInt32, _ reader: DataReader, region: UInt64
  ) throws(RestartFailure) -> Records<UInt64> {
    let source = reader.sources[Int(link)]
    let number = index / ImageEnd.blockPieceCount
    guard index < source.end.pieceCount else {
      throw reader.damage(link, region, why: "it has no digests for them")
    }
    let block = source.end.block(number)
    if Memory.load(UInt64.self, at: state) != UInt64(link) + 1
      || Memory.load(UInt64.self, at: state + 8) != number
    {
      try load(block, link, source, reader, region)
    }
    let first = index % ImageEnd.blockPieceCount
    return Records(at: digests + first * 8, count: Int(block.pieceCount - first))
  }

  private func load(
    _ block: DigestBlock, _ link: UInt32, _ source: Source, _ reader: DataReader, _ region: UInt64
  ) throws(RestartFailure) {
    Memory.store(UInt64(0), at: state)
    try reader.read(
      to: digests, byteCount: block.byteCount, source: link, at: block.fileOffset, region: region)
    let expected = Memory.load(UInt64.self, at: source.blocks + block.index * 8)
    do throws(ImageError) {
      try block.check(
        Memory.bytes(at: digests, count: Int(block.byteCount)), against: expected)
    } catch {
      throw reader.damage(link, region, why: "its digests are damaged")
    }
    Memory.store(block.index, at: state + 8)
    Memory.store(UInt64(link) + 1, at: state)
  }
}
