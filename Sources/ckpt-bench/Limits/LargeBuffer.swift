internal import Kernel
internal import KernelABI

/// Memory of the bench's own, in small pages, larger than any cache.
struct LargeBuffer {
  static let byteCount: UInt64 = 256 << 20

  let range: AddressRange

  /// Takes fresh memory and touches all of it.
  ///
  /// - Parameter isRandom: whether it holds bytes that don't compress, else zeros.
  init(isRandom: Bool) throws(Errno) {
    let start = try Mapping.map(
      byteCount: Self.byteCount, .read | .write, .private | .anonymous)
    guard let range = AddressRange(start: start, byteCount: Self.byteCount) else {
      throw .outOfRange
    }
    self.range = range
    try Mapping.advise(range, Advice.noHugePage)
    try Mapping.advise(range, Advice.populateWrite)
    guard isRandom else { return }
    var done: UInt64 = 0
    while done < Self.byteCount {
      let count = min(Self.byteCount - done, 1 << 20)
      done += UInt64(
        try systemCall(SyscallNumber.getrandom, (start + done).argument, Int(count), 0))
    }
  }
}
