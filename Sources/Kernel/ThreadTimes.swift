internal import KernelABI

/// How much a thread has run, and how often it has not, up to a moment.
public struct ThreadTimes: Equatable, Sendable, BitwiseCopyable {
  /// CLOCK_MONOTONIC, nanoseconds; 0: no such moment.
  public var moment: UInt64

  /// Nanoseconds on a CPU.
  public var processor: UInt64

  /// How often it left the CPU to wait, and how often others took it away.
  public var waits: UInt64
  public var preemptions: UInt64

  public init(moment: UInt64, processor: UInt64, waits: UInt64, preemptions: UInt64) {
    self.moment = moment
    self.processor = processor
    self.waits = waits
    self.preemptions = preemptions
  }

  public static let none = ThreadTimes(moment: 0, processor: 0, waits: 0, preemptions: 0)

  /// Those of the calling thread.
  ///
  /// Stopped-world safe.
  ///
  /// Source: getrusage(2), RUSAGE_THREAD: ru_nvcsw and ru_nivcsw.
  public static func now() -> ThreadTimes {
    var usage = InlineArray<18, UInt64>(repeating: 0)
    _ = try? withAddress(of: &usage) { (address) throws(Errno) in
      try systemCall(SyscallNumber.getrusage, 1, address.argument)
    }
    return ThreadTimes(
      moment: Clock.monotonic, processor: Clock.threadProcessor, waits: usage[16],
      preemptions: usage[17])
  }
}
