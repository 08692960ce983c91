internal import Kernel
internal import KernelABI

/// Fresh memory in pages of 4 KiB, full of random numbers.
enum Filling {
  static func run(
    byteCount: UInt64, refusesHugePages: Bool
  ) throws(Errno) -> AddressRange {
    guard byteCount > 0 else { return .empty }
    let start = try Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous)
    guard let range = AddressRange(start: start, byteCount: byteCount) else { return .empty }
    if refusesHugePages { try? Mapping.advise(range, Advice.noHugePage) }
    var numbers = Xorshift(seed: try Random.word())
    var offset: UInt64 = 0
    while offset < byteCount {
      Memory.store(numbers.next(), at: start + offset)
      offset += 8
    }
    return range
  }
}
