internal import CImage

/// An open file description: what `dup` shares.
public struct FileSummary: Codable, Sendable {
  /// "regular", "pipe", …; "kind-N" for one that this reader has no name for.
  public var kind: String

  /// O_ bits, as `fcntl(F_GETFL)`.
  public var statusFlags: UInt32
  public var position: UInt64
  public var byteCount: UInt64
  public var path: String?

  /// Which of the objects has its contents.
  public var object: UInt32?

  init(_ file: ckpt_file, _ head: ImageHead) {
    kind = Self.name(of: file.kind)
    statusFlags = file.status_flags
    position = file.position
    byteCount = file.byte_count
    path = head.optionalText(file.path)
    object = file.object == CKPT_NONE ? nil : file.object
  }

  private static func name(of kind: UInt32) -> String {
    switch kind {
    case CKPT_FILE_REGULAR: "regular"
    case CKPT_FILE_DIRECTORY: "directory"
    case CKPT_FILE_UNLINKED: "unlinked"
    case CKPT_FILE_DEVICE: "device"
    case CKPT_FILE_TERMINAL: "terminal"
    case CKPT_FILE_PIPE: "pipe"
    case CKPT_FILE_FIFO: "fifo"
    case CKPT_FILE_EVENTFD: "eventfd"
    case CKPT_FILE_EPOLL: "epoll"
    case CKPT_FILE_TIMERFD: "timerfd"
    case CKPT_FILE_SIGNALFD: "signalfd"
    case CKPT_FILE_MEMFD: "memfd"
    case CKPT_FILE_UNIX_SOCKET: "unix-socket"
    case CKPT_FILE_INET_SOCKET: "inet-socket"
    case CKPT_FILE_INOTIFY: "inotify"
    case CKPT_FILE_PIDFD: "pidfd"
    case CKPT_FILE_NETLINK_SOCKET: "netlink-socket"
    default: "kind-\(kind)"
    }
  }
}

/// A number in the descriptor table.
public struct DescriptorSummary: Codable, Sendable {
  public var number: Int32
  public var closesOnExec: Bool

  /// Which of the files it stands for.
  public var file: UInt32

  init(_ descriptor: ckpt_descriptor) {
    number = descriptor.number
    closesOnExec = descriptor.flags & 1 != 0
    file = descriptor.file
  }
}
