/// One POSIX timer of a process.
public struct TimerEntry: Equatable, Sendable, BitwiseCopyable {
  /// How expiry is told: the values of SIGEV_ in sigevent(3type).
  public enum Notification: Int32, Sendable, BitwiseCopyable {
    case signal = 0
    case none = 1
    case thread = 2
    case signalToThread = 4
  }

  public var identifier: Int32
  public var signal: Int32
  public var value: UInt64
  public var notification: Notification

  /// The PID, or the TID for `signalToThread`.
  public var recipient: Int32
  public var clock: Int32
}

extension TimerEntry {
  /// Consumes the next entry of /proc/PID/timers.
  ///
  /// Source: proc_pid_timers(5); `fs/proc/base.c`, show_timer.
  ///
  /// - Returns: `nil` at the end, or where the text is not a timer's.
  public static func next(from cursor: inout TextCursor) -> TimerEntry? {
    guard cursor.take("ID: "), let identifier = cursor.number() else { return nil }
    cursor.skipLine()
    guard cursor.take("signal: "), let signal = cursor.number(), cursor.take(byte: 0x2F),
      let value = cursor.number(radix: 16)
    else { return nil }
    cursor.skipLine()
    guard cursor.take("notify: "), let kind = notification(from: &cursor) else { return nil }
    let isThread = cursor.take("tid.")
    guard isThread || cursor.take("pid."), let recipient = cursor.number() else { return nil }
    cursor.skipLine()
    guard cursor.take("ClockID: "), let clock = cursor.signedNumber() else { return nil }
    cursor.skipLine()
    return TimerEntry(
      identifier: Int32(truncatingIfNeeded: identifier),
      signal: Int32(truncatingIfNeeded: signal), value: value,
      notification: kind == .signal && isThread ? .signalToThread : kind,
      recipient: Int32(truncatingIfNeeded: recipient), clock: Int32(truncatingIfNeeded: clock))
  }

  private static func notification(from cursor: inout TextCursor) -> Notification? {
    if cursor.take("signal/") { return .signal }
    if cursor.take("none/") { return Notification.none }
    return cursor.take("thread/") ? .thread : nil
  }
}
