internal import CKernel
internal import Kernel
internal import KernelABI

/// Shortened time-outs that calls in progress point to.
///
/// The program's own timespec must not be changed, and its stack has no room that would last, so the
/// call is given one of these. They lie in libckpt.so's own data: mapped for good, and saved.
struct TimeoutSlots: BitwiseCopyable {
  /// Threads waiting in such calls at the same time; those beyond start over with the full time.
  static let capacity = 256

  /// Seconds and nanoseconds of each, as struct timespec.
  private var words = InlineArray<512, UInt64>(repeating: 0)

  /// Which of them a call in progress points to.
  private var inUse = InlineArray<4, UInt64>(repeating: 0)
}

/// Safe because only the leader touches it, with all other threads parked; the kernel reads a slot
/// when the thread goes on.
nonisolated(unsafe) private var slots = TimeoutSlots()

extension TimeoutSlots {
  /// Where the slots lie.
  private static var base: Address {
    unsafe withUnsafeMutablePointer(to: &slots) { unsafe Address(UnsafeRawPointer($0)) }
  }

  /// The slot that `address` points to, if it is one.
  static func index(of address: UInt64) -> Int? {
    let offset = address &- base.rawValue
    return offset < UInt64(capacity * 16) && offset % 16 == 0 ? Int(offset / 16) : nil
  }

  /// All are free but those marked afterwards.
  static func freeAll() {
    for word in 0..<4 { unsafe slots.inUse[word] = 0 }
  }

  static func mark(_ index: Int) {
    unsafe slots.inUse[index / 64] |= 1 << UInt64(index % 64)
  }

  /// Puts a time into a free slot, or into the one that `current` points to already.
  ///
  /// - Returns: its address, `nil` when all are taken.
  static func place(_ time: ckernel_timespec, current: UInt64) -> Address? {
    guard let index = index(of: current) ?? firstFree() else { return nil }
    mark(index)
    let address = base + UInt64(index * 16)
    Memory.store(time, at: address)
    return address
  }

  private static func firstFree() -> Int? {
    for word in 0..<4 {
      let free = unsafe ~slots.inUse[word]
      if free != 0 { return word * 64 + free.trailingZeroBitCount }
    }
    return nil
  }
}
