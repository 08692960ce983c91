internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

enum EventfdSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let text = try item.information(&draft)
    let information = Fdinfo(text.span)
    guard let count = information.number("eventfd-count:", radix: 16) else {
      throw item.refused(.contentsUnreadable)
    }
    file.kind = CKPT_FILE_EVENTFD
    let semaphore = UInt32(truncatingIfNeeded: information.number("eventfd-semaphore:") ?? 0)
    file.detail = try item.detail(
      ckpt_file_eventfd(count: count, semaphore: semaphore, reserved: 0), &draft)
  }
}

enum TimerfdSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    // Brings the expirations of a periodic timer up to date, so that what remains is not 0.
    try item.doing { () throws(Errno) in try Events.touchTimer(item.number) }
    let text = try item.information(&draft)
    let information = Fdinfo(text.span)
    guard let clock = information.number("clockid:"), let ticks = information.number("ticks:"),
      let remaining = information.time("it_value:"), let interval = information.time("it_interval:")
    else { throw item.refused(.contentsUnreadable) }
    file.kind = CKPT_FILE_TIMERFD
    let flags = information.number("settime flags:", radix: 8) ?? 0
    file.detail = try item.detail(
      ckpt_file_timerfd(
        clock: Int32(truncatingIfNeeded: clock), settime_flags: UInt32(truncatingIfNeeded: flags),
        ticks: ticks, remaining: remaining, interval: interval), &draft)
  }
}

enum SignalfdSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let text = try item.information(&draft)
    guard let mask = Fdinfo(text.span).number("sigmask:", radix: 16) else {
      throw item.refused(.contentsUnreadable)
    }
    file.kind = CKPT_FILE_SIGNALFD
    file.detail = try item.detail(ckpt_file_signalfd(mask: mask), &draft)
  }
}

/// Only of the process itself, or of one that is gone.
enum PidfdSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let text = try item.information(&draft)
    guard let process = Fdinfo(text.span).signedNumber("Pid:") else {
      throw item.refused(.contentsUnreadable)
    }
    switch list.peers(in: draft).process(process) {
    case .member, .gone: break
    case .own, .standard, .outside: throw item.refused(.peerOutside)
    }
    file.kind = CKPT_FILE_PIDFD
    file.detail = try item.detail(
      ckpt_file_pidfd(pid: Int32(truncatingIfNeeded: process), reserved: 0), &draft)
  }
}
