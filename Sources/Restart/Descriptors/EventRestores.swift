internal import CImage
internal import Kernel
internal import KernelABI

enum EventfdRestore {
  static func open(_ index: Int, _ bench: Workbench) throws(RestartFailure) {
    var record = try bench.record(index, ckpt_file_eventfd.self)
    let number = try bench.doing("cannot make the eventfd", index) { () throws(Errno) in
      let number = try Events.makeCounter(0, semaphore: record.semaphore != 0)
      if record.count > 0 {
        try withAddress(of: &record.count) { (address) throws(Errno) in
          try Files.write(number, from: address, byteCount: 8)
        }
      }
      return number
    }
    try bench.keep(number, as: index)
  }
}

enum TimerfdRestore {
  private static let absolute: UInt32 = 1
  private static let cancelOnSet: UInt32 = 2
  private static let realtime: Int32 = 0
  private static let realtimeAlarm: Int32 = 8

  static func open(_ index: Int, _ bench: Workbench) throws(RestartFailure) {
    let record = try bench.record(index, ckpt_file_timerfd.self)
    let number = try bench.doing("cannot make the timerfd", index) { () throws(Errno) in
      let number = try Events.makeTimer(clock: record.clock)
      if record.remaining > 0 { try start(number, record, bench.image.image.realtime) }
      if record.ticks > 0 { try Events.setTicks(number, record.ticks) }
      return number
    }
    try bench.keep(number, as: index)
  }

  /// A time of day stays that time of day; all else has as long to go as it had.
  private static func start(
    _ number: Int32, _ record: ckpt_file_timerfd, _ saved: UInt64
  ) throws(Errno) {
    let isClock = record.clock == realtime || record.clock == realtimeAlarm
    let isTimeOfDay = isClock && record.settime_flags & absolute != 0
    try Events.setTimer(
      number, flags: isTimeOfDay ? record.settime_flags & (absolute | cancelOnSet) : 0,
      value: isTimeOfDay ? saved &+ record.remaining : record.remaining,
      interval: record.interval)
  }
}

enum SignalfdRestore {
  static func open(_ index: Int, _ bench: Workbench) throws(RestartFailure) {
    let record = try bench.record(index, ckpt_file_signalfd.self)
    let number = try bench.doing("cannot make the signalfd", index) { () throws(Errno) in
      try Events.makeSignalReader(mask: record.mask)
    }
    try bench.keep(number, as: index)
  }
}

/// Of the process itself, or of one that is gone.
enum PidfdRestore {
  static func open(_ index: Int, _ bench: Workbench) throws(RestartFailure) {
    let record = try bench.record(index, ckpt_file_pidfd.self)
    let number = try bench.doing("cannot make the pidfd", index) { () throws(Errno) in
      record.pid == -1 ? try ofGone() : try Events.openProcess(Process.ownID)
    }
    try bench.keep(number, as: index)
  }

  private static func ofGone() throws(Errno) -> Int32 {
    let child = try Process.fork()
    if child == 0 { exitGroup(status: 0) }
    let number = try Events.openProcess(child)
    try Wait.status(of: child)
    return number
  }
}
