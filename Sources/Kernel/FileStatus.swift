internal import CKernel
public import KernelABI

/// What the kernel says about a file.
///
/// Source: stat(2).
public struct FileStatus: Equatable, Sendable, BitwiseCopyable {
  public let device: UInt64
  public let inode: UInt64
  public let linkCount: UInt64
  public let mode: UInt32
  public let owner: UInt32
  public let deviceNumber: UInt64

  /// Bytes.
  public let byteCount: UInt64
  public let modifiedSeconds: Int64
  public let modifiedNanoseconds: Int64

  public var kind: FileKind { FileKind(mode: mode) }

  public func isSameFile(as other: FileStatus) -> Bool {
    device == other.device && inode == other.inode
  }

  /// Source: fstat(2).
  public init(of descriptor: Int32) throws(Errno) {
    var status = ckernel_stat()
    try withAddress(of: &status) { (address) throws(Errno) in
      try systemCall(SyscallNumber.fstat, Int(descriptor), address.argument)
    }
    self.init(status)
  }

  /// Looks at the NUL-terminated path, through symbolic links.
  ///
  /// Source: stat(2).
  public init(path: Address) throws(Errno) {
    var status = ckernel_stat()
    try withAddress(of: &status) { (address) throws(Errno) in
      try systemCall(SyscallNumber.stat, path.argument, address.argument)
    }
    self.init(status)
  }

  /// Looks at the NUL-terminated path, and at a symbolic link itself.
  ///
  /// Source: lstat(2).
  public init(linkPath: Address) throws(Errno) {
    var status = ckernel_stat()
    try withAddress(of: &status) { (address) throws(Errno) in
      try systemCall(SyscallNumber.lstat, linkPath.argument, address.argument)
    }
    self.init(status)
  }

  private init(_ status: ckernel_stat) {
    device = status.dev
    inode = status.ino
    linkCount = status.nlink
    mode = status.mode
    owner = status.uid
    deviceNumber = status.rdev
    byteCount = UInt64(bitPattern: status.size)
    modifiedSeconds = status.modified_seconds
    modifiedNanoseconds = status.modified_nanoseconds
  }
}
