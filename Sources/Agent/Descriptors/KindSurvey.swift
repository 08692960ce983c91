internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Tells what kind of file one is and has its kind's own survey look at it.
enum KindSurvey {
  static func run(
    _ item: OpenFile, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    var file = draft.files[item.index]
    if !item.isPath { try CommonDetail.survey(item, &file) }
    try describe(item, &file, &draft, list)
    draft.files[item.index] = file
  }

  private static func describe(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    if item.isNamed("anon_inode:") || item.isNamed("pidfd:") {
      return try anonymous(item, &file, &draft, list)
    }
    switch item.status.kind {
    case .regular: try RegularFileSurvey.run(item, &file, &draft)
    case .directory: try DirectorySurvey.run(item, &file, &draft)
    case .character: try DeviceSurvey.run(item, &file, &draft, list)
    case .fifo: try PipeSurvey.run(item, &file, &draft, list)
    case .socket: try SocketSurvey.run(item, &file, &draft, list)
    case .block, .link, .other: throw item.refused(.unknownDescriptorKind)
    }
  }

  private static func anonymous(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    if item.isNamed("anon_inode:[eventfd]") {
      try EventfdSurvey.run(item, &file, &draft)
    } else if item.isNamed("anon_inode:[eventpoll]") {
      try EpollSurvey.run(item, &file, &draft, list)
    } else if item.isNamed("anon_inode:[timerfd]") {
      try TimerfdSurvey.run(item, &file, &draft)
    } else if item.isNamed("anon_inode:[signalfd]") {
      try SignalfdSurvey.run(item, &file, &draft)
    } else if item.isNamed("anon_inode:inotify") {
      try InotifySurvey.run(item, &file, &draft, list)
    } else if item.isNamed("anon_inode:[pidfd]") || item.isNamed("pidfd:") {
      try PidfdSurvey.run(item, &file, &draft, list)
    } else if item.isNamed("anon_inode:[io_uring]") {
      throw item.refused(.ioUring)
    } else {
      throw item.refused(.unknownDescriptorKind)
    }
  }
}
