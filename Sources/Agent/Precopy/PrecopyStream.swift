internal import CImage
internal import Kernel
internal import KernelABI

/// The stream that a precopy process copies memory to, round by round.
struct PrecopyStream: BitwiseCopyable {
  private let descriptor: Int32

  /// Milliseconds that nobody reads, until it has failed.
  private let patience: Int

  init(_ descriptor: Int32, patience: Int) throws(Errno) {
    try Descriptors.setStatus(
      descriptor, try Descriptors.status(descriptor) | .nonBlocking)
    self.descriptor = descriptor
    self.patience = patience
  }

  /// Says which regions are copied.
  func begin(_ share: PrecopyShare) throws(Errno) {
    try put(
      ckpt_rounds(
        magic: CKPT_ROUNDS_MAGIC, version: CKPT_ROUNDS_VERSION,
        region_count: UInt32(share.regionCount), page_count: share.pageCount,
        data_start: share.dataStart))
    for index in 0..<share.regionCount {
      let region = share[region: index]
      try put(ckpt_rounds_region(start: region.start, end: region.end))
    }
  }

  /// Sends pages that lie side by side in memory and have places side by side.
  ///
  /// - Parameters:
  ///   - source: where they lie here.
  ///   - address: where they lie in the program.
  func put(
    _ count: UInt64, from source: Address, of address: Address, to place: UInt64
  ) throws(Errno) {
    try put(
      ckpt_round_frame(
        kind: CKPT_FRAME_PAGES, count: UInt32(count), address: address.rawValue, place: place))
    try PatientWrite.all(
      descriptor, from: source, byteCount: count * pageByteCount, patience: patience)
  }

  /// Says that a round is over, or all are.
  func mark(_ kind: UInt32) throws(Errno) {
    try put(ckpt_round_frame(kind: kind, count: 0, address: 0, place: 0))
  }

  private func put<T: BitwiseCopyable>(_ record: T) throws(Errno) {
    var record = record
    try withAddress(of: &record) { (address) throws(Errno) in
      try PatientWrite.all(
        descriptor, from: address, byteCount: UInt64(MemoryLayout<T>.size), patience: patience)
    }
  }

  func close() { closeDescriptor(descriptor) }
}
