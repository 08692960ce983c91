public import KernelABI

extension Descriptors {
  /// Waits until something can be written, or the other end is gone.
  ///
  /// - Parameter milliseconds: how long at most; -1: for ever.
  /// - Throws: `timedOut`.
  ///
  /// Source: poll(2), POLLOUT.
  public static func awaitWritable(_ number: Int32, milliseconds: Int) throws(Errno) {
    try poll(number, 4, milliseconds)
  }

  /// Waits until something can be read, or the other end is gone.
  ///
  /// - Parameter milliseconds: how long at most; -1: for ever.
  /// - Throws: `timedOut`.
  ///
  /// Source: poll(2), POLLIN.
  public static func awaitReadable(_ number: Int32, milliseconds: Int) throws(Errno) {
    try poll(number, 1, milliseconds)
  }

  /// A signal that interrupts it makes it begin again: only a program that is signalled more often
  /// than its patience waits longer.
  private static func poll(
    _ number: Int32, _ events: UInt64, _ milliseconds: Int
  ) throws(Errno) {
    // struct pollfd: the descriptor, then events and what was found of them (16 bits each).
    var entry = UInt64(UInt32(bitPattern: number)) | events << 32
    let count = try retryingInterrupts { () throws(Errno) in
      try withAddress(of: &entry) { (address) throws(Errno) in
        try systemCall(SyscallNumber.poll, address.argument, 1, milliseconds)
      }
    }
    guard count > 0 else { throw .timedOut }
  }
}
