internal import CKernel
internal import Kernel
public import KernelABI

/// A page of shared memory on which `ckpt-bench` and its victim write to each other.
///
/// It is a file mapped shared, so a checkpoint leaves it as it is and a program that comes back
/// finds it in its present state. Words of 64 bits; the first three are counters that either side
/// waits on (futex(2), shared: the low 32 bits).
public struct Board: BitwiseCopyable, Sendable {
  public static let byteCount: UInt64 = 4096

  public let base: Address

  /// Maps the board that an open file holds.
  ///
  /// - Throws: what mmap(2) reports.
  public init(descriptor: Int32) throws(Errno) {
    base = try Mapping.map(
      byteCount: Self.byteCount, .read | .write, .shared, descriptor: descriptor)
  }

  /// Takes the board out of this process.
  public func unmap() {
    guard let range = AddressRange(start: base, byteCount: Self.byteCount) else { return }
    try? Mapping.unmap(range)
  }

  /// What lies where.
  public enum Word: UInt64, Sendable {
    /// Counters: commands given, commands done, times that the program came back.
    case asked = 0
    case answered = 1
    case awoken = 2

    case command = 3
    case first = 4
    case second = 5

    /// What the command says: mostly nanoseconds.
    case result = 6

    /// 1: the victim spins and watches the clock; 0: it sleeps until asked.
    case isSpinning = 7

    /// Nanoseconds of the longest time that it did not run while spinning, and of all over 20 µs.
    case longestGap = 8
    case sumOfGaps = 9

    /// Nanoseconds of CLOCK_REALTIME. A gap that begins before and ends after it is a restart.
    case mark = 10

    /// 1: read a word of every page at once when back.
    case readsWhenAwake = 11

    /// Nanoseconds of CLOCK_REALTIME: first instruction, and all of memory read.
    case awakeTime = 12
    case readTime = 13
  }

  public subscript(_ word: Word) -> UInt64 {
    get { Memory.load(at: base + word.rawValue * 8) }
    nonmutating set { Memory.store(newValue, at: base + word.rawValue * 8) }
  }

  // MARK: Counters

  /// The low 32 bits of a counter, after all that was written before they changed.
  public func count(_ word: Word) -> UInt32 {
    ckernel_atomic_load((base + word.rawValue * 8).rawValue)
  }

  /// Adds one to a counter and wakes who waits for it.
  public func advance(_ word: Word) {
    let address = base + word.rawValue * 8
    _ = ckernel_atomic_add(address.rawValue, 1)
    _ = rawSystemCall(SyscallNumber.futex, address.argument, 1, Int(Int32.max))
  }

  /// Sleeps while a counter is `count`, at most so long; may return early.
  ///
  /// - Parameter nanoseconds: 0: for ever.
  public func wait(_ word: Word, while count: UInt32, nanoseconds: UInt64 = 0) {
    let address = base + word.rawValue * 8
    guard nanoseconds > 0 else {
      _ = rawSystemCall(SyscallNumber.futex, address.argument, 0, Int(count), 0)
      return
    }
    var timeout = ckernel_timespec(
      seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int64(nanoseconds % 1_000_000_000))
    _ = try? withAddress(of: &timeout) { (pointer) throws(Errno) in
      try systemCall(
        SyscallNumber.futex, address.argument, 0, Int(count), pointer.argument)
    }
  }
}
