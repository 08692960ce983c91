internal import CKernel
public import KernelABI

/// A 32-bit word in memory that threads change atomically and wait on.
///
/// Source: futex(2).
public struct FutexWord: BitwiseCopyable {
  public let address: Address

  /// FUTEX_PRIVATE_FLAG, or 0 for a word that processes share.
  private let scope: Int

  /// - Parameter isShared: whether processes with other memory wait on the word too.
  /// - Precondition: a multiple of 4 that stays mapped while anybody uses the word.
  public init(at address: Address, isShared: Bool = false) {
    self.address = address
    scope = isShared ? 0 : 128
  }

  public var value: UInt32 { ckernel_atomic_load(address.rawValue) }

  public func store(_ value: UInt32) { ckernel_atomic_store(address.rawValue, value) }

  /// - Returns: the new value.
  @discardableResult
  public func add(_ value: UInt32) -> UInt32 { ckernel_atomic_add(address.rawValue, value) }

  /// Stores `value` if `expected` is there.
  public func exchange(_ expected: UInt32, for value: UInt32) -> Bool {
    ckernel_atomic_exchange(address.rawValue, expected, value) != 0
  }

  /// Sleeps while the word has `value`; may return early.
  public func wait(while value: UInt32) {
    _ = rawSystemCall(SyscallNumber.futex, address.argument, scope, Int(value), 0)
  }

  /// Sleeps while the word has `value`, at most `nanoseconds`; may return early.
  public func wait(while value: UInt32, atMost nanoseconds: UInt64) {
    var timeout = ckernel_timespec(
      seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int64(nanoseconds % 1_000_000_000))
    _ = try? withAddress(of: &timeout) { (pointer) throws(Errno) in
      try systemCall(SyscallNumber.futex, address.argument, scope, Int(value), pointer.argument)
    }
  }

  /// Wakes all who wait; tried again where it fails, since nobody else would wake them.
  public func wakeAll() {
    for _ in 0..<3
    where rawSystemCall(SyscallNumber.futex, address.argument, scope | 1, Int(Int32.max)) >= 0 {
      return
    }
  }
}
