internal import CImage

/// What the process does on a signal, where that is not the default.
public struct SignalSummary: Codable, Sendable {
  public var signal: Int

  /// The handler's address; 1 ignores (SIG_IGN).
  public var handler: UInt64

  /// SA_ bits.
  public var flags: UInt64
  public var mask: UInt64

  static func all(_ head: ImageHead) -> [SignalSummary] {
    let actions: [ckpt_signal_action] = head.entries(head.index.signals)
    return actions.enumerated().compactMap { index, action in
      guard action.handler != 0 else { return nil }
      return SignalSummary(
        signal: index + 1, handler: action.handler, flags: action.flags, mask: action.mask)
    }
  }
}

/// A signal that was sent and not yet taken.
public struct PendingSignalSummary: Codable, Sendable {
  public var signal: UInt32

  /// The thread it is for, `nil`: the process.
  public var tid: Int32?

  init(_ pending: ckpt_pending_signal) {
    signal = pending.signal
    tid = pending.tid == 0 ? nil : pending.tid
  }
}

/// An interval or POSIX timer; times in ns.
public struct TimerSummary: Codable, Sendable {
  public enum Kind: String, Codable, Sendable { case interval, posix }

  public var kind: Kind

  /// ITIMER_ number or POSIX timer ID.
  public var identifier: Int32
  public var clock: Int32
  public var signal: Int32
  public var interval: UInt64

  /// `nil`: disarmed.
  public var remaining: UInt64?

  init(_ timer: ckpt_timer) {
    kind = timer.kind == CKPT_TIMER_INTERVAL ? .interval : .posix
    identifier = timer.identifier
    clock = timer.clock
    signal = timer.signal
    interval = timer.interval
    remaining = timer.remaining == 0 ? nil : timer.remaining
  }
}

/// A resource limit, in RLIMIT_ order; `nil`: none.
public struct LimitSummary: Codable, Sendable {
  public var current: UInt64?
  public var maximum: UInt64?

  init(_ limit: ckpt_limit) {
    current = limit.current == .max ? nil : limit.current
    maximum = limit.maximum == .max ? nil : limit.maximum
  }
}
