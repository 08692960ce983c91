internal import Kernel
internal import KernelABI

/// Signals that the kernel sends to whoever fails to write.
///
/// The program would die of what the agent did: they are taken back before it goes on. Those that
/// were pending before the stop are not there to be taken: the survey holds them.
/// Stopped-world safe.
enum WriteSignals {
  private static let brokenPipe: Int32 = 13  // SIGPIPE, with EPIPE
  private static let fileSize: Int32 = 25  // SIGXFSZ, with EFBIG: the limit RLIMIT_FSIZE

  /// Source: signal(7), write(2), setrlimit(2).
  static func forget() {
    let set = Signal.bit(brokenPipe) | Signal.bit(fileSize)
    var information = InlineArray<16, UInt64>(repeating: 0)
    _ = try? withAddress(of: &information) { (address) throws(Errno) in
      while PendingSignals.take(of: set, to: address) != nil {}
    }
  }
}
