internal import CKernel
internal import KernelABI

/// The clocks that a checkpoint notes, in nanoseconds.
///
/// Source: clock_gettime(2).
public enum Clock {
  public static var realtime: UInt64 { read(0) }
  public static var monotonic: UInt64 { read(1) }
  public static var boottime: UInt64 { read(7) }

  /// What all threads of the process have run, those that have ended too.
  public static var processorTime: UInt64 { read(2) }

  /// What the calling thread has run, in user and kernel mode.
  public static var threadProcessor: UInt64 { read(3) }

  private static func read(_ clock: Int) -> UInt64 {
    var time = ckernel_timespec()
    _ = try? withAddress(of: &time) { (address) throws(Errno) in
      try systemCall(SyscallNumber.clockGettime, clock, address.argument)
    }
    return UInt64(time.seconds) &* 1_000_000_000 &+ UInt64(time.nanoseconds)
  }
}

extension Clock {
  /// A signal ends it early.
  ///
  /// Source: nanosleep(2).
  public static func sleep(nanoseconds: UInt64) {
    var time = ckernel_timespec()
    time.seconds = Int64(nanoseconds / 1_000_000_000)
    time.nanoseconds = Int64(nanoseconds % 1_000_000_000)
    _ = try? withAddress(of: &time) { (address) throws(Errno) in
      try systemCall(SyscallNumber.nanosleep, address.argument, 0)
    }
  }
}
