public import KernelABI

/// Pipes and what is in them.
public enum Pipes {
  public struct Ends: BitwiseCopyable {
    public var reader: Int32
    public var writer: Int32
  }

  /// Both ends are close-on-exec.
  ///
  /// Source: pipe(2).
  public static func make(_ flags: OpenFlags = .none) throws(Errno) -> Ends {
    var ends = Ends(reader: -1, writer: -1)
    try withAddress(of: &ends) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.pipe2, address.argument, Int((flags | .closeOnExec).rawValue))
    }
    return ends
  }

  /// Bytes it can hold.
  ///
  /// Source: fcntl(2), F_GETPIPE_SZ.
  public static func capacity(_ number: Int32) throws(Errno) -> Int {
    try systemCall(SyscallNumber.fcntl, Int(number), 1032)
  }

  /// Source: fcntl(2), F_SETPIPE_SZ.
  public static func setCapacity(_ number: Int32, _ byteCount: Int) throws(Errno) {
    try systemCall(SyscallNumber.fcntl, Int(number), 1031, byteCount)
  }

  /// Copies what is in one pipe into another without taking it out.
  ///
  /// - Returns: bytes copied.
  ///
  /// Source: tee(2), SPLICE_F_NONBLOCK.
  public static func copy(
    from reader: Int32, to writer: Int32, byteCount: Int
  ) throws(Errno) -> Int {
    try systemCall(SyscallNumber.tee, Int(reader), Int(writer), byteCount, 2)
  }
}
