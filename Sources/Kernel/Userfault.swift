public import KernelABI

/// A userfaultfd(2) descriptor: who has it says what appears in memory that isn't there yet.
///
/// Source: `include/uapi/linux/userfaultfd.h`.
public struct Userfault: BitwiseCopyable {
  public let descriptor: Int32

  private enum Call {
    static let api = 0xc018_aa3f
    static let register = 0xc020_aa00
    static let unregister = 0x8010_aa01
    static let wake = 0x8010_aa02
    static let copy = 0xc028_aa03
    static let zero = 0xc020_aa04
    static let move = 0xc028_aa05
    static let poison = 0xc020_aa08
  }

  public enum Feature {
    public static let forkEvents: UInt64 = 1 << 1
    public static let remapEvents: UInt64 = 1 << 2
    public static let removeEvents: UInt64 = 1 << 3
    public static let unmapEvents: UInt64 = 1 << 6
    public static let poison: UInt64 = 1 << 14
    public static let move: UInt64 = 1 << 16
  }

  /// Faults of the program's own code only: any user may have that.
  public static let userModeOnly = 1
  public static let nonBlocking = Int(OpenFlags.nonBlocking.rawValue)

  /// - Throws: `Errno.notPermitted`; `Errno.invalid` where the kernel lacks a feature.
  public init(flags: Int, features: UInt64) throws(Errno) {
    let number = Int32(
      truncatingIfNeeded: try systemCall(
        SyscallNumber.userfaultfd, Int(OpenFlags.closeOnExec.rawValue) | flags))
    var arguments = (UInt64(0xaa), features, UInt64(0))
    do throws(Errno) {
      try withAddress(of: &arguments) { (address) throws(Errno) in
        try systemCall(SyscallNumber.ioctl, Int(number), Call.api, address.argument)
      }
    } catch {
      closeDescriptor(number)
      throw error
    }
    descriptor = number
  }

  /// Takes over a descriptor that the kernel made.
  public init(adopting descriptor: Int32) { self.descriptor = descriptor }

  /// From now on, pages of the range that are missing come from here.
  ///
  /// The range is a mapping of its own until it is unregistered. The kernel makes it one with its
  /// neighbours again if they have the same reverse map (`struct anon_vma`), which a region gets with
  /// its first page: so it has to have had one before.
  ///
  /// - Precondition: nothing is in the range that matters.
  public func register(_ range: AddressRange) throws(Errno) {
    if let page = AddressRange(start: range.start, byteCount: pageByteCount) {
      try? Mapping.advise(page, Advice.populateWrite)
      // All of it: the page may have come as a huge one.
      try? Mapping.advise(range, Advice.dontNeed)
    }
    var arguments = (range.start.rawValue, range.byteCount, UInt64(1), UInt64(0))
    try call(Call.register, &arguments)
  }

  public func unregister(_ range: AddressRange) throws(Errno) {
    var arguments = (range.start.rawValue, range.byteCount)
    try call(Call.unregister, &arguments)
  }

  /// Gives a range copies of the pages at `source`.
  ///
  /// - Returns: how many bytes, from the start: fewer where a page was there already.
  /// - Throws: what the kernel said when it was none at all.
  public func copy(from source: Address, to range: AddressRange) throws(Errno) -> UInt64 {
    var arguments = (
      range.start.rawValue, source.rawValue, range.byteCount, UInt64(0), Int64(0)
    )
    do throws(Errno) {
      try call(Call.copy, &arguments)
    } catch {
      guard error == .tryAgain, arguments.4 > 0 else { throw error }
    }
    return UInt64(max(0, arguments.4))
  }

  /// Gives a range zeros.
  ///
  /// - Returns: as `copy`.
  public func zero(_ range: AddressRange) throws(Errno) -> UInt64 {
    var arguments = (range.start.rawValue, range.byteCount, UInt64(0), Int64(0))
    do throws(Errno) {
      try call(Call.zero, &arguments)
    } catch {
      guard error == .tryAgain, arguments.3 > 0 else { throw error }
    }
    return UInt64(max(0, arguments.3))
  }

  /// Moves whole pages of the caller's memory to a range, which costs nothing for huge ones.
  ///
  /// - Returns: how many bytes, from the start.
  /// - Throws: what the kernel said when it was none at all.
  public func move(from source: Address, to range: AddressRange) throws(Errno) -> UInt64 {
    var arguments = (
      range.start.rawValue, source.rawValue, range.byteCount, UInt64(0), Int64(0)
    )
    do throws(Errno) {
      try call(Call.move, &arguments)
    } catch {
      guard error == .tryAgain, arguments.4 > 0 else { throw error }
    }
    return UInt64(max(0, arguments.4))
  }

  /// Makes the pages of a range that are missing deadly: who touches them gets SIGBUS.
  ///
  /// - Returns: as `copy`.
  public func poison(_ range: AddressRange) throws(Errno) -> UInt64 {
    var arguments = (range.start.rawValue, range.byteCount, UInt64(0), Int64(0))
    do throws(Errno) {
      try call(Call.poison, &arguments)
    } catch {
      guard error == .tryAgain, arguments.3 > 0 else { throw error }
    }
    return UInt64(max(0, arguments.3))
  }

  /// Lets those look again who wait for pages of a range.
  public func wake(_ range: AddressRange) {
    var arguments = (range.start.rawValue, range.byteCount)
    try? call(Call.wake, &arguments)
  }

  public func close() { closeDescriptor(descriptor) }

  private func call<T: BitwiseCopyable>(_ number: Int, _ arguments: inout T) throws(Errno) {
    let descriptor = Int(descriptor)
    try withAddress(of: &arguments) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, descriptor, number, address.argument)
    }
  }
}
