public import CKernel
public import KernelABI

/// What stat(2) tells of a file.
public struct FileStatus: BitwiseCopyable {
  public let raw: ckernel_stat

  /// Follows symbolic links.
  public init(path: Address) throws(Errno) {
    var raw = ckernel_stat()
    try withAddress(of: &raw) { (address) throws(Errno) in
      try systemCall(SyscallNumber.stat, path.argument, address.argument)
    }
    self.raw = raw
  }

  /// Does not follow a symbolic link.
  public init(pathItself path: Address) throws(Errno) {
    var raw = ckernel_stat()
    try withAddress(of: &raw) { (address) throws(Errno) in
      try systemCall(SyscallNumber.lstat, path.argument, address.argument)
    }
    self.raw = raw
  }

  public init(descriptor: Int32) throws(Errno) {
    var raw = ckernel_stat()
    try withAddress(of: &raw) { (address) throws(Errno) in
      try systemCall(SyscallNumber.fstat, Int(descriptor), address.argument)
    }
    self.raw = raw
  }

  public var byteCount: Int64 { raw.size }
  public var modifiedSeconds: Int64 { raw.modified_seconds }
  public var modifiedNanoseconds: Int64 { raw.modified_nanoseconds }

  /// The type of the file: `S_IFMT` bits of its mode.
  public var type: UInt32 { raw.mode & 0o170000 }

  public var isRegular: Bool { type == 0o100000 }
  public var isDirectory: Bool { type == 0o040000 }
  public var isCharacterDevice: Bool { type == 0o020000 }
  public var isFIFO: Bool { type == 0o010000 }
  public var isSocket: Bool { type == 0o140000 }
  public var isSymbolicLink: Bool { type == 0o120000 }
}
