/// An error number returned by the Linux kernel, 1...4095.
///
/// Source: errno(3); `include/uapi/asm-generic/errno-base.h`, `errno.h`.
public struct Errno: Error, Equatable, Sendable, BitwiseCopyable {
  public let rawValue: Int32

  @inline(__always) public init(rawValue: Int32) { self.rawValue = rawValue }

  public static let notPermitted = Errno(rawValue: 1)  // EPERM
  public static let noSuchFile = Errno(rawValue: 2)  // ENOENT
  public static let tooLong = Errno(rawValue: 7)  // E2BIG
  public static let noSuchProcess = Errno(rawValue: 3)  // ESRCH
  public static let interrupted = Errno(rawValue: 4)  // EINTR
  public static let inputOutput = Errno(rawValue: 5)  // EIO
  public static let noExec = Errno(rawValue: 8)  // ENOEXEC
  public static let badDescriptor = Errno(rawValue: 9)  // EBADF
  public static let noChild = Errno(rawValue: 10)  // ECHILD
  public static let tryAgain = Errno(rawValue: 11)  // EAGAIN
  public static let outOfMemory = Errno(rawValue: 12)  // ENOMEM
  public static let accessDenied = Errno(rawValue: 13)  // EACCES
  public static let badAddress = Errno(rawValue: 14)  // EFAULT
  public static let busy = Errno(rawValue: 16)  // EBUSY
  public static let exists = Errno(rawValue: 17)  // EEXIST
  public static let notDirectory = Errno(rawValue: 20)  // ENOTDIR
  public static let isDirectory = Errno(rawValue: 21)  // EISDIR
  public static let invalid = Errno(rawValue: 22)  // EINVAL
  public static let tooManyOpen = Errno(rawValue: 24)  // EMFILE
  public static let notTerminal = Errno(rawValue: 25)  // ENOTTY
  public static let noSpace = Errno(rawValue: 28)  // ENOSPC
  public static let illegalSeek = Errno(rawValue: 29)  // ESPIPE
  public static let brokenPipe = Errno(rawValue: 32)  // EPIPE
  public static let outOfRange = Errno(rawValue: 34)  // ERANGE
  public static let deadlock = Errno(rawValue: 35)  // EDEADLK
  public static let nameTooLong = Errno(rawValue: 36)  // ENAMETOOLONG
  public static let notImplemented = Errno(rawValue: 38)  // ENOSYS
  public static let notSupported = Errno(rawValue: 95)  // EOPNOTSUPP
  public static let timedOut = Errno(rawValue: 110)  // ETIMEDOUT
}
