internal import CImage
internal import Kernel
internal import KernelABI

/// A file on huge pages of hugetlbfs: it has no write(2), so its contents go in through a mapping.
struct HugePageFile {
  private let number: Int32
  private let pageByteCount: UInt64

  /// - Returns: `nil` for an object on ordinary pages.
  init?(_ object: ckpt_object, _ number: Int32) {
    guard object.kind != CKPT_OBJECT_SYSV, object.flags & 4 != 0 else { return nil }
    self.number = number
    pageByteCount = 1 << UInt64(object.flags >> 26 & 63)
  }

  /// Puts bytes at their place; where there were none, zeros stay holes.
  ///
  /// - Throws: `outOfMemory` when the machine has no huge page left: the mapping reserves it, so
  ///   that touching it is no signal.
  func write(from buffer: Address, byteCount: UInt64, at offset: UInt64) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      let place = offset + done
      let start = place & ~(pageByteCount - 1)
      let count = min(byteCount - done, start + pageByteCount - place)
      if !isZero(buffer + done, count) {
        try put(from: buffer + done, count, at: place - start, inPageAt: start)
      }
      done += count
    }
  }

  private func put(
    from bytes: Address, _ byteCount: UInt64, at offset: UInt64, inPageAt start: UInt64
  ) throws(Errno) {
    let page = try Mapping.map(
      byteCount: pageByteCount, .read | .write, .shared, descriptor: number, offset: start)
    Memory.copy(from: bytes, to: page + offset, byteCount: byteCount)
    try Mapping.unmap(AddressRange(start: page, byteCount: pageByteCount) ?? .empty)
  }

  private func isZero(_ bytes: Address, _ byteCount: UInt64) -> Bool {
    var offset: UInt64 = 0
    while offset < byteCount {
      guard Memory.isZeroPage(at: bytes + offset) else { return false }
      offset += KernelABI.pageByteCount
    }
    return true
  }
}
