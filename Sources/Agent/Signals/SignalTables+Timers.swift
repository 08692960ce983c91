internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

extension SignalTables {
  /// Notes the interval timers that are armed, and every POSIX timer of
  /// the program.
  ///
  /// - Parameter scratch: memory for the text of /proc/self/timers, given back before returning.
  mutating func captureTimers(scratch: inout Arena) throws(Errno) {
    timers.removeAll()
    for which in 0..<Timers.intervalTimerCount { try captureInterval(which) }
    try capturePOSIXTimers(scratch: &scratch)
  }

  private mutating func captureInterval(_ which: Int32) throws(Errno) {
    let value = try Timers.interval(which)
    let isRunning = value.value_seconds != 0 || value.value_micro != 0
    // ITIMER_REAL stands still while its signal is pending, and keeps its interval.
    let hasGoneOff =
      which == 0 && (value.interval_seconds != 0 || value.interval_micro != 0)
    guard isRunning || hasGoneOff else { return }
    var timer = ckpt_timer()
    timer.kind = CKPT_TIMER_INTERVAL
    timer.identifier = which
    timer.interval = nanoseconds(value.interval_seconds, value.interval_micro * 1000)
    timer.remaining = nanoseconds(value.value_seconds, value.value_micro * 1000)
    try timers.append(timer)
  }

  /// Kernels without CONFIG_CHECKPOINT_RESTORE have no such file: then nothing is noted.
  private mutating func capturePOSIXTimers(scratch: inout Arena) throws(Errno) {
    guard let file = try? FileDescriptor("/proc/self/timers", .readOnly) else { return }
    let start = scratch.next
    defer { scratch.rewind(to: start) }
    // 192 bytes are more than an entry can have.
    let capacity = UInt64(Self.timerCapacity * 192)
    let text = try scratch.reserve(capacity)
    let byteCount = try file.readToEnd(to: text, capacity: capacity)
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(byteCount)))
    while let entry = TimerEntry.next(from: &cursor) {
      if Agent.state.ticker.owns(entry.identifier, value: entry.value) { continue }
      try capture(entry)
    }
    guard cursor.isAtEnd else { throw .invalid }
  }

  private mutating func capture(_ entry: TimerEntry) throws(Errno) {
    let value = try Timers.value(of: entry.identifier)
    var timer = ckpt_timer()
    timer.kind = CKPT_TIMER_POSIX
    timer.identifier = entry.identifier
    timer.clock = entry.clock
    timer.notify = entry.notification.rawValue
    timer.signal = entry.signal
    timer.tid = entry.recipient
    timer.value = entry.value
    timer.interval = nanoseconds(value.interval.seconds, value.interval.nanoseconds)
    timer.remaining = nanoseconds(value.value.seconds, value.value.nanoseconds)
    try timers.append(timer)
  }

  /// Makes and arms the timers again; for the leader, when all threads are there.
  ///
  /// - Parameter current: the present TID of a thread that had the given one.
  /// - Returns: what could not be put back.
  func restoreTimers(_ current: (Int32) -> Int32) -> RestoreLosses {
    var losses = RestoreLosses.none
    let choosesIdentifiers = (try? Timers.setRestoresIdentifiers(true)) != nil
    // Last first: /proc lists the newest first, and so did we.
    for index in (0..<timers.count).reversed() {
      let timer = timers[index]
      losses =
        losses
        | losing(.timers) { () throws(Errno) in
          if timer.kind == CKPT_TIMER_INTERVAL {
            try restoreInterval(timer)
          } else {
            try restorePOSIX(timer, current(timer.tid), choosesIdentifiers)
          }
        }
    }
    if choosesIdentifiers { _ = try? Timers.setRestoresIdentifiers(false) }
    return losses
  }

  private func restoreInterval(_ timer: ckpt_timer) throws(Errno) {
    // Rounded up: 0 would disarm it, and early is worse than late.
    var remaining = (timer.remaining + 999) / 1000
    // ITIMER_REAL with an interval and nothing left has just gone off; 0 would disarm it.
    if timer.identifier == 0, remaining == 0, timer.interval > 0 { remaining = 1 }
    try Timers.setInterval(
      timer.identifier,
      ckernel_itimerval(
        interval_seconds: Int64(timer.interval / 1_000_000_000),
        interval_micro: Int64(timer.interval % 1_000_000_000 / 1000),
        value_seconds: Int64(remaining / 1_000_000), value_micro: Int64(remaining % 1_000_000)))
  }

  private func restorePOSIX(
    _ timer: ckpt_timer, _ thread: Int32, _ choosesIdentifiers: Bool
  ) throws(Errno) {
    var event = ckernel_sigevent()
    event.value = timer.value
    event.signal = timer.signal
    event.notify = timer.notify
    event.tid = thread
    try create(timer, event, choosesIdentifiers)
    guard timer.remaining != 0 else { return }
    try Timers.setValue(
      ckernel_itimerspec(
        interval: timespec(timer.interval), value: timespec(timer.remaining)),
      of: timer.identifier)
  }

  /// Makes the timer with its id: the kernel counts up, so without the mode for it, by throwing
  /// away those before.
  private func create(
    _ timer: ckpt_timer, _ event: ckernel_sigevent, _ choosesIdentifiers: Bool
  ) throws(Errno) {
    var last: Int32 = -1
    while true {
      let identifier = try Timers.create(
        clock: timer.clock, event, wanted: timer.identifier)
      if identifier == timer.identifier { return }
      Timers.delete(identifier)
      guard !choosesIdentifiers, identifier > last, identifier < timer.identifier else {
        throw .exists
      }
      last = identifier
    }
  }
}

/// Nanoseconds of a time that the kernel gave; negative ones count as 0.
func nanoseconds(_ seconds: Int64, _ nanoseconds: Int64) -> UInt64 {
  guard seconds >= 0, nanoseconds >= 0 else { return 0 }
  return UInt64(seconds) &* 1_000_000_000 &+ UInt64(nanoseconds)
}

/// The same as the kernel takes it.
func timespec(_ nanoseconds: UInt64) -> ckernel_timespec {
  ckernel_timespec(
    seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int64(nanoseconds % 1_000_000_000))
}
