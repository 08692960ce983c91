public import KernelABI

/// Random numbers of the kernel.
public enum Random {
  /// Source: getrandom(2).
  public static func fill(_ address: Address, byteCount: Int) throws(Errno) {
    try systemCall(SyscallNumber.getrandom, address.argument, byteCount, 0)
  }

  /// 64 random bits.
  ///
  /// Source: getrandom(2).
  public static func word() throws(Errno) -> UInt64 {
    var word: UInt64 = 0
    try withAddress(of: &word) { (address) throws(Errno) in
      try systemCall(SyscallNumber.getrandom, address.argument, 8, 0)
    }
    return word
  }
}
