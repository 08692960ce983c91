internal import CImage
internal import Kernel
internal import KernelABI

enum EventfdRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    var record = try context.record(index, ckpt_file_eventfd.self)
    let number = try context.doing("cannot make the eventfd", index) { () throws(Errno) in
      let number = try Events.makeCounter(0, semaphore: record.semaphore != 0)
      if record.count > 0 {
        try withAddress(of: &record.count) { (address) throws(Errno) in
          try Files.write(number, from: address, byteCount: 8)
        }
      }
      return number
    }
    try context.keep(number, as: index)
  }
}

enum TimerfdRestore {
  private static let absolute: UInt32 = 1
  private static let cancelOnSet: UInt32 = 2
  private static let realtime: Int32 = 0
  private static let realtimeAlarm: Int32 = 8

  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let record = try context.record(index, ckpt_file_timerfd.self)
    let number = try context.doing("cannot make the timerfd", index) { () throws(Errno) in
      let number = try Events.makeTimer(clock: record.clock)
      if isArmed(record) { try start(number, record, context.image.image.realtime) }
      if record.ticks > 0 { try Events.setTicks(number, record.ticks) }
      return number
    }
    try context.keep(number, as: index)
  }

  /// A periodic timer that had just gone off has nothing left, and yet it runs.
  private static func isArmed(_ record: ckpt_file_timerfd) -> Bool {
    record.remaining > 0 || record.interval > 0 && record.ticks > 0
  }

  /// A time of day stays that time of day; all else has as long to go as it had.
  private static func start(
    _ number: Int32, _ record: ckpt_file_timerfd, _ saved: UInt64
  ) throws(Errno) {
    let isClock = record.clock == realtime || record.clock == realtimeAlarm
    let isTimeOfDay = isClock && record.settime_flags & absolute != 0
    try Events.setTimer(
      number, flags: isTimeOfDay ? record.settime_flags & (absolute | cancelOnSet) : 0,
      value: isTimeOfDay ? saved &+ record.remaining : max(record.remaining, 1),
      interval: record.interval)
  }
}

enum SignalfdRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let record = try context.record(index, ckpt_file_signalfd.self)
    let number = try context.doing("cannot make the signalfd", index) { () throws(Errno) in
      try Events.makeSignalReader(mask: record.mask)
    }
    try context.keep(number, as: index)
  }
}

/// Of the process itself, or of one that is gone.
enum PidfdRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    guard context.opened[index] < 0 else { return }
    let record = try context.record(index, ckpt_file_pidfd.self)
    if record.pid == -1 { return try openGone(index, context) }
    let number = try context.doing("cannot make the pidfd", index) { () throws(Errno) in
      try Events.openProcess(Process.ownID)
    }
    try context.keep(number, as: index)
  }

  /// All that stand for one dead process do so again: they have one inode (Linux 6.9).
  private static func openGone(_ first: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let child = try context.doing("cannot make the pidfd", first) { () throws(Errno) in
      try Process.fork()
    }
    if child == 0 { exitGroup(status: 0) }
    let file = context.image.files[first]
    for index in first..<context.image.files.count {
      let other = context.image.files[index]
      guard other.kind == CKPT_FILE_PIDFD, other.inode == file.inode,
        other.device == file.device,
        try context.record(index, ckpt_file_pidfd.self).pid == -1
      else { continue }
      let number = try context.doing("cannot make the pidfd", index) { () throws(Errno) in
        try Events.openProcess(child)
      }
      try context.keep(number, as: index)
    }
    _ = try context.doing("cannot make the pidfd", first) { () throws(Errno) in
      try Wait.status(of: child)
    }
  }
}
