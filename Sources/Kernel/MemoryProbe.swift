internal import CKernel
public import KernelABI

extension Memory {
  /// Whether the byte at `address` can be read, found out without touching it.
  ///
  /// Source: process_vm_readv(2), which fails with EFAULT where a touch would be a signal.
  public static func canRead(_ address: Address) -> Bool {
    var byte: UInt8 = 0
    let count = try? withAddress(of: &byte) { (here) throws(Errno) in
      Int(try readTolerantly(from: address, to: here, byteCount: 1))
    }
    return count == 1
  }

  /// Copies up to `byteCount` bytes, stopping where memory can't be read.
  ///
  /// - Returns: bytes copied.
  ///
  /// Source: process_vm_readv(2).
  public static func readTolerantly(
    from source: Address, to destination: Address, byteCount: UInt64
  ) throws(Errno) -> UInt64 {
    var local = ckernel_iovec(base: destination.rawValue, byte_count: byteCount)
    var remote = ckernel_iovec(base: source.rawValue, byte_count: byteCount)
    // By TID: when the main thread has ended, the PID names a task without memory.
    let tid = try systemCall(SyscallNumber.gettid)
    return UInt64(
      try withAddress(of: &local) { (local) throws(Errno) in
        try withAddress(of: &remote) { (remote) throws(Errno) in
          try systemCall(310, tid, local.argument, 1, remote.argument, 1, 0)
        }
      })
  }

  /// Whether a whole page is zero.
  ///
  /// Most pages say no in their first 8 bytes.
  ///
  /// - Precondition: the page can be read.
  @inline(__always)
  public static func isZeroPage(at page: Address) -> Bool {
    guard load(UInt64.self, at: page) == 0 else { return false }
    var offset: UInt64 = 0
    while offset < pageByteCount {
      let words = load(SIMD8<UInt64>.self, at: page + offset)
      guard words == .zero else { return false }
      offset += 64
    }
    return true
  }
}
