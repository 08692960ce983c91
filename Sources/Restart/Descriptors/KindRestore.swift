internal import CImage
internal import Kernel
internal import KernelABI

/// Has each kind of file made by its own restore.
enum KindRestore {
  static func open(
    _ index: Int, _ context: FileRestoreContext, _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    guard context.opened[index] < 0 else { return }
    let file = context.image.files[index]
    switch file.kind {
    case CKPT_FILE_REGULAR: try RegularFileRestore.open(index, context)
    case CKPT_FILE_DIRECTORY: try DirectoryRestore.open(index, context)
    case CKPT_FILE_UNLINKED, CKPT_FILE_MEMFD: try ObjectFileRestore.open(index, context)
    case CKPT_FILE_DEVICE: try DeviceRestore.open(index, context)
    case CKPT_FILE_TERMINAL: try TerminalRestore.open(index, context, &terminal)
    case CKPT_FILE_PIPE: try PipeRestore.open(index, context)
    case CKPT_FILE_FIFO: try FifoRestore.open(index, context)
    case CKPT_FILE_EVENTFD: try EventfdRestore.open(index, context)
    case CKPT_FILE_EPOLL: try EpollRestore.open(index, context)
    case CKPT_FILE_TIMERFD: try TimerfdRestore.open(index, context)
    case CKPT_FILE_SIGNALFD: try SignalfdRestore.open(index, context)
    case CKPT_FILE_PIDFD: try PidfdRestore.open(index, context)
    case CKPT_FILE_INOTIFY: try InotifyRestore.open(index, context)
    case CKPT_FILE_UNIX_SOCKET, CKPT_FILE_INET_SOCKET, CKPT_FILE_NETLINK_SOCKET:
      try SocketRestore.open(index, context)
    default:
      throw context.failure(
        "cannot restore descriptor", index, why: "this restart does not know its kind",
        hint: "use the `restart` that belongs to the libckpt.so that wrote the image")
    }
  }
}

/// What every kind of file has.
enum StatusRestore {
  /// Status flags, and the receiver of SIGIO.
  static func restore(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    guard !flags.contains(.path) else { return }
    let number = context.opened[index]
    try context.doing("cannot set the flags of descriptor", index) { () throws(Errno) in
      if try Descriptors.status(number).rawValue & changeable != flags.rawValue & changeable {
        try Descriptors.setStatus(number, flags)
      }
    }
    guard file.detail.byte_count > 0 else { return }
    let common = try context.detail(index).common
    if common.owner != 0 {
      try? Descriptors.setOwner(
        number, Descriptors.Owner(type: common.owner_type, identifier: common.owner))
    }
    if common.owner_signal != 0 { try? Descriptors.setSignal(number, common.owner_signal) }
  }

  /// O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT, O_NOATIME.
  ///
  /// Source: `fs/fcntl.c`, SETFL_MASK.
  private static let changeable: Int32 = 0o2000 | 0o4000 | 0o20000 | 0o40000 | 0o1000000
}

extension OpenFlags {
  /// Without what creates, truncates or belongs to one number only.
  var forReopening: OpenFlags {
    let dropped: Int32 =
      0o100 | 0o200 | 0o1000 | 0o2000000 | 0o20000000  // CREAT, EXCL, TRUNC, CLOEXEC, __TMPFILE
    return OpenFlags(rawValue: rawValue & ~dropped) | .noControllingTerminal
  }
}
