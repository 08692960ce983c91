extension TextCursor {
  /// Looks for the line that starts with `label` and gives the number behind it.
  ///
  /// Between the two may be blanks and a colon. The cursor is left behind the number, or at the end.
  ///
  /// Source: proc_pid_status(5), /proc/PID/sched.
  public mutating func number(labelled label: StaticString, radix: UInt64 = 10) -> UInt64? {
    while !isAtEnd {
      if take(label) {
        skipBlanks()
        _ = take(byte: 0x3A)
        skipBlanks()
        if let value = number(radix: radix) { return value }
      }
      skipLine()
    }
    return nil
  }
}

/// /proc/PID/task/TID/sched.
public enum SchedulerState {
  /// When the thread last ran, in nanoseconds of its CPU's own task clock.
  ///
  /// Source: `kernel/sched/debug.c`, se.exec_start: milliseconds with six decimals. 0 since it was moved
  /// to another CPU, sleeping ones too that are still in a queue (`fair.c`, migrate_task_rq_fair).
  ///
  /// - Returns: `nil` when it is not known.
  public static func lastRun(_ bytes: RawSpan) -> UInt64? {
    var cursor = TextCursor(bytes)
    guard let milliseconds = cursor.number(labelled: "se.exec_start"), cursor.take(byte: 0x2E),
      let nanoseconds = cursor.number(), milliseconds < UInt64.max / 2_000_000,
      nanoseconds < 1_000_000
    else { return nil }
    let time = milliseconds * 1_000_000 + nanoseconds
    return time == 0 ? nil : time
  }
}
