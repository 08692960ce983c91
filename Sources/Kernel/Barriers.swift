public import KernelABI

/// What the process has registered for membarrier(2).
///
/// Source: membarrier(2), `include/uapi/linux/membarrier.h`.
public enum Barriers {
  /// MEMBARRIER_CMD_GET_REGISTRATIONS, Linux 6.3.
  private static let list = 1 << 9

  /// The commands that were registered for, a bit each; 0 where the kernel can't tell.
  public static var registrations: UInt32 {
    UInt32(truncatingIfNeeded: max(0, rawSystemCall(SyscallNumber.membarrier, list, 0, 0)))
  }

  /// Registers for all of `commands`.
  public static func register(_ commands: UInt32) throws(Errno) {
    for bit in 0..<32 where commands >> UInt32(bit) & 1 == 1 {
      try systemCall(SyscallNumber.membarrier, 1 << bit, 0, 0)
    }
  }
}
