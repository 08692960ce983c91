internal import Kernel
internal import KernelABI

/// Bytes of a private region that lie side by side in one source.
///
/// What a chain of images has, seen from the newest one: whole pages, in address order.
struct Span: BitwiseCopyable {
  var address: Address
  var byteCount: UInt64

  /// Bytes from the start of the source.
  var fileOffset: UInt64

  /// Of its first digest.
  var piece: UInt64

  /// Index of the source; `Span.zeros`: nowhere, it is zero.
  var source: UInt32

  /// Index of the image that has the digests.
  var link: UInt32

  /// Index of its region in the newest image.
  var region: UInt32

  /// The bytes of the file that its region shows, not written by the program.
  var isClean: Bool

  static let zeros = UInt32.max

  var end: Address { address + byteCount }

  /// The bytes of it from `offset` on, to be read to `address`; `start` is that of the region.
  func part(from offset: UInt64, _ count: UInt64, to address: Address, region start: UInt64)
    -> DataPiece
  {
    DataPiece(
      address: address, byteCount: count, fileOffset: fileOffset + offset,
      index: piece + offset / pageByteCount, source: source, link: link, region: start)
  }
}

extension Table<Span> {
  /// The first span that ends behind an address; `count`: none does.
  func firstIndex(endingBehind address: Address) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].end > address { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
