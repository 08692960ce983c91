/// An error number returned by the Linux kernel, 1...4095.
///
/// Source: errno(3); `include/uapi/asm-generic/errno-base.h`, `errno.h`.
public struct Errno: Error, Equatable, Sendable, BitwiseCopyable {
  public let rawValue: Int32

  @inline(__always) public init(rawValue: Int32) { self.rawValue = rawValue }

  /// No error.
  public static let none = Errno(rawValue: 0)

  public static let notPermitted = Errno(rawValue: 1)  // EPERM
  public static let noSuchFile = Errno(rawValue: 2)  // ENOENT
  public static let noSuchProcess = Errno(rawValue: 3)  // ESRCH
  public static let interrupted = Errno(rawValue: 4)  // EINTR
  public static let inputOutput = Errno(rawValue: 5)  // EIO
  public static let noSuchDevice = Errno(rawValue: 6)  // ENXIO
  public static let tooLong = Errno(rawValue: 7)  // E2BIG
  public static let noExec = Errno(rawValue: 8)  // ENOEXEC
  public static let badDescriptor = Errno(rawValue: 9)  // EBADF
  public static let noChild = Errno(rawValue: 10)  // ECHILD
  public static let tryAgain = Errno(rawValue: 11)  // EAGAIN
  public static let outOfMemory = Errno(rawValue: 12)  // ENOMEM
  public static let accessDenied = Errno(rawValue: 13)  // EACCES
  public static let badAddress = Errno(rawValue: 14)  // EFAULT
  public static let busy = Errno(rawValue: 16)  // EBUSY
  public static let exists = Errno(rawValue: 17)  // EEXIST
  public static let crossDevice = Errno(rawValue: 18)  // EXDEV
  public static let notDirectory = Errno(rawValue: 20)  // ENOTDIR
  public static let isDirectory = Errno(rawValue: 21)  // EISDIR
  public static let invalid = Errno(rawValue: 22)  // EINVAL
  public static let tooManyOpen = Errno(rawValue: 24)  // EMFILE
  public static let notTerminal = Errno(rawValue: 25)  // ENOTTY
  public static let tooLarge = Errno(rawValue: 27)  // EFBIG
  public static let noSpace = Errno(rawValue: 28)  // ENOSPC
  public static let illegalSeek = Errno(rawValue: 29)  // ESPIPE
  public static let readOnlyFileSystem = Errno(rawValue: 30)  // EROFS
  public static let brokenPipe = Errno(rawValue: 32)  // EPIPE
  public static let outOfRange = Errno(rawValue: 34)  // ERANGE
  public static let deadlock = Errno(rawValue: 35)  // EDEADLK
  public static let nameTooLong = Errno(rawValue: 36)  // ENAMETOOLONG
  public static let notImplemented = Errno(rawValue: 38)  // ENOSYS
  public static let notSupported = Errno(rawValue: 95)  // EOPNOTSUPP
  public static let addressInUse = Errno(rawValue: 98)  // EADDRINUSE
  public static let addressNotAvailable = Errno(rawValue: 99)  // EADDRNOTAVAIL
  public static let connectionReset = Errno(rawValue: 104)  // ECONNRESET
  public static let notConnected = Errno(rawValue: 107)  // ENOTCONN
  public static let timedOut = Errno(rawValue: 110)  // ETIMEDOUT
  public static let connectionRefused = Errno(rawValue: 111)  // ECONNREFUSED
  public static let inProgress = Errno(rawValue: 115)  // EINPROGRESS
  public static let diskQuota = Errno(rawValue: 122)  // EDQUOT
}
