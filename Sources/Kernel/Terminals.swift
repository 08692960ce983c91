public import KernelABI

/// Terminal modes.
public enum Terminals {
  /// struct termios2, as it is.
  public typealias Modes = InlineArray<11, UInt32>

  /// - Throws: `notTerminal` when it is none.
  ///
  /// Source: ioctl_tty(2), TCGETS2.
  public static func modes(_ number: Int32) throws(Errno) -> Modes {
    var modes = Modes(repeating: 0)
    try withAddress(of: &modes) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x802C_542A, address.argument)
    }
    return modes
  }

  /// The process group in front.
  ///
  /// Source: ioctl_tty(2), TIOCGPGRP.
  public static func frontGroup(_ number: Int32) throws(Errno) -> Int32 {
    var group: Int32 = 0
    try withAddress(of: &group) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x540F, address.argument)
    }
    return group
  }

  /// Source: ioctl_tty(2), TIOCSPGRP.
  public static func setFrontGroup(_ number: Int32, _ group: Int32) throws(Errno) {
    var group = group
    try withAddress(of: &group) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x5410, address.argument)
    }
  }

  /// Source: ioctl_tty(2), TCSETS2.
  public static func setModes(_ number: Int32, _ modes: Modes) throws(Errno) {
    var modes = modes
    try withAddress(of: &modes) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x402C_542B, address.argument)
    }
  }

  /// struct winsize: rows, columns, and the pixels of both.
  public typealias Size = InlineArray<4, UInt16>

  /// Source: ioctl_tty(2), TIOCGWINSZ.
  public static func size(_ number: Int32) throws(Errno) -> Size {
    var size = Size(repeating: 0)
    try withAddress(of: &size) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x5413, address.argument)
    }
    return size
  }

  /// The kernel sends SIGWINCH to the foreground process group when the size changes.
  ///
  /// Source: ioctl_tty(2), TIOCSWINSZ.
  public static func setSize(_ number: Int32, _ size: Size) throws(Errno) {
    var size = size
    try withAddress(of: &size) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x5414, address.argument)
    }
  }
}
