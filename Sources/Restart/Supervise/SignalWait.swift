internal import CKernel
internal import Kernel
internal import KernelABI

extension Signal {
  static let hangUp: Int32 = 1
  static let interrupt: Int32 = 2
  static let quit: Int32 = 3
  static let terminate: Int32 = 15
  static let `continue`: Int32 = 18
  static let terminalStop: Int32 = 20
  static let terminalInput: Int32 = 21
  static let terminalOutput: Int32 = 22

  /// `si_code` of what the kernel sends by itself: Ctrl+C, a window's new size, a hangup.
  static let fromKernel: Int32 = 0x80
}

/// Taking blocked signals, in place of handlers.
enum SignalWait {
  /// Waits for one of `signals`.
  ///
  /// - Returns: `nil` when none came in time.
  ///
  /// Source: rt_sigtimedwait(2).
  static func next(of signals: UInt64, milliseconds: Int? = nil) -> ckernel_siginfo? {
    var signals = signals
    var information = ckernel_siginfo()
    var limit = ckernel_timespec(
      seconds: Int64((milliseconds ?? 0) / 1000),
      nanoseconds: Int64((milliseconds ?? 0) % 1000) * 1_000_000)
    let raw = try? withAddress(of: &signals) { (set) throws(Errno) in
      try withAddress(of: &information) { (out) throws(Errno) in
        try withAddress(of: &limit) { (limit) throws(Errno) in
          try retryingInterrupts { () throws(Errno) in
            try systemCall(
              SyscallNumber.rtSigtimedwait, set.argument, out.argument,
              milliseconds == nil ? 0 : limit.argument, 8)
          }
        }
      }
    }
    return raw == nil ? nil : information
  }
}

/// One entry of poll(2), for reading.
struct PollEntry: BitwiseCopyable {
  var descriptor: Int32
  private var events: Int16 = 1
  private var answer: Int16 = 0

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Something can be read, or the other end is gone.
  var isReady: Bool { answer != 0 }

  mutating func wait(milliseconds: Int) {
    _ = try? withAddress(of: &self) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 1, milliseconds)
    }
  }

  /// Waits until one of two has something.
  static func wait(_ entries: inout InlineArray<2, PollEntry>) {
    _ = try? withAddress(of: &entries) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 2, -1)
    }
  }

  /// Waits until one of many has something; `milliseconds` -1: for ever.
  static func wait(_ entries: Table<PollEntry>, milliseconds: Int) {
    _ = rawSystemCall(
      SyscallNumber.poll, entries.base.argument, entries.count, milliseconds)
  }
}
