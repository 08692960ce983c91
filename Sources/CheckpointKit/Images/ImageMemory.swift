internal import CheckpointImage
internal import KernelABI

/// Memory of a program that an image has not itself: its parents have it, or files.
final class ImageMemory {
  private var reader: ChainReader<ImageFile>
  private let files = ProgramFiles()

  /// The page that was read last.
  private var pageAddress = UInt64.max
  private var page: [UInt8] = []

  /// `nil` when the chain is broken.
  init?(path: String) {
    guard let chain = try? FileChain(path: path),
      let reader = try? ChainReader(chain.images, chain.files)
    else { return nil }
    self.reader = reader
  }

  /// Eight bytes, which may lie on two pages.
  func word(at address: UInt64) -> UInt64? {
    var word: UInt64 = 0
    for index in 0..<8 as Range<UInt64> {
      guard let byte = byte(at: address &+ index) else { return nil }
      word |= UInt64(byte) << (8 * index)
    }
    return word
  }

  private func byte(at address: UInt64) -> UInt8? {
    if address & ~4095 != pageAddress {
      guard let found = try? reader.page(at: address, files: files.read),
        found.count == 4096
      else { return nil }
      (pageAddress, page) = (address & ~4095, found)
    }
    return page[Int(address & 4095)]
  }
}
