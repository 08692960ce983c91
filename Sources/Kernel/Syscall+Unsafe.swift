internal import CKernel
public import KernelABI

/// Makes a system call and gives what the kernel gave: `-4095...(-1)` is an error.
///
/// Nothing else in the house executes `syscall` but the trampolines of `ckernel.h`. The arguments
/// are numbers; an address among them is the caller's promise that the memory is there.
@inline(__always)
public func rawSystemCall(
  _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) -> Int {
  #if CKPT_FAULTS
  if let answer = Faults.answer(to: number) { return answer }
  #endif
  return ckernel_syscall(number, a, b, c, d, e, f)
}

#if CKPT_FAULTS
/// One that no plan makes fail.
func unmockedSystemCall(_ number: Int) -> Int { ckernel_syscall(number, 0, 0, 0, 0, 0, 0) }
#endif

/// Makes a system call.
///
/// - Throws: what the kernel reported.
@inline(__always) @discardableResult
public func systemCall(
  _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) throws(Errno) -> Int {
  try decoded(rawSystemCall(number, a, b, c, d, e, f))
}

/// Splits a raw kernel return value: `-4095...(-1)` is an error, all else a result.
@inline(__always)
public func decoded(_ raw: Int) throws(Errno) -> Int {
  guard UInt(bitPattern: raw) < UInt(bitPattern: -4095) else {
    throw Errno(rawValue: Int32(truncatingIfNeeded: 0 &- raw))
  }
  return raw
}

/// Runs `body` again for as long as a signal cuts it short.
@inline(__always) @discardableResult
public func retryingInterrupts<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
  while true {
    do throws(Errno) {
      return try body()
    } catch {
      guard error == .interrupted else { throw error }
    }
  }
}

extension Address {
  /// The bits, as a system call's argument.
  @inline(__always) public var argument: Int { Int(bitPattern: UInt(rawValue)) }

  @inline(__always) public init(_ pointer: UnsafeRawPointer) {
    self.init(UInt64(UInt(bitPattern: pointer)))
  }
}
