internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A region that is copied ahead, and where its pages wait.
struct PrecopiedArea: BitwiseCopyable {
  /// Where it lies in the program.
  let range: AddressRange

  /// What it may grow to until the last round: its pages can be moved as one mapping then.
  let room: AddressRange

  /// Bytes from the start of the place where all wait to that of `room.start`.
  let offset: UInt64

  /// The number of its first page.
  let firstPage: UInt64

  /// Page tables are moved as a whole where both ends lie alike in what one of them covers.
  private static let alignment = RestoreArena.hugePageByteCount

  /// A region grows by as much as it has, and at most so far, on either side.
  private static let leastGrowth: UInt64 = 64 << 20
  private static let mostGrowth: UInt64 = 1 << 30

  init(_ range: AddressRange, offset: UInt64, firstPage: UInt64) {
    let growth = min(max(range.byteCount, Self.leastGrowth), Self.mostGrowth)
    let low = range.start.rawValue > growth ? range.start.rawValue - growth : 0
    let high = min(range.end.rawValue + growth, FreeSpace.end.rawValue)
    self.range = range
    room =
      AddressRange(
        start: low & ~(Self.alignment - 1),
        end: (high + Self.alignment - 1) & ~(Self.alignment - 1)) ?? range
    self.offset = offset
    self.firstPage = firstPage
  }

  /// Where the page at an address waits.
  ///
  /// - Parameter start: of the place where all wait.
  func place(of address: Address, from start: Address) -> Address {
    start + offset + (address - room.start)
  }

  /// The number of the page at an address.
  func page(at address: Address) -> UInt64 {
    firstPage + (address - range.start) / pageByteCount
  }
}

extension Table<PrecopiedArea> {
  /// The area that has an address, `nil`: none has.
  func area(at address: Address) -> PrecopiedArea? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].range.end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < count, self[low].range.start <= address else { return nil }
    return self[low]
  }
}
