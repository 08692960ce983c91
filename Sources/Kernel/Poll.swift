public import KernelABI

/// One entry of poll(2): struct pollfd.
public struct PollEntry: BitwiseCopyable {
  public var descriptor: Int32
  private var events: Int16
  private var answer: Int16 = 0

  /// For reading, unless other events are asked for.
  public init(descriptor: Int32, _ events: Int16 = Descriptors.Poll.input) {
    self.descriptor = descriptor
    self.events = events
  }

  /// What was asked for can be done, or the other end is gone.
  public var isReady: Bool { answer != 0 }

  /// - Parameter milliseconds: how long at most; -1: for ever.
  public mutating func wait(milliseconds: Int) {
    _ = try? withAddress(of: &self) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 1, milliseconds)
    }
  }

  /// Waits until one of many, which someone else laid down, has something.
  ///
  /// - Throws: `interrupted` when a signal came first.
  public static func wait(at entries: Address, count: Int, milliseconds: Int) throws(Errno) {
    try systemCall(SyscallNumber.poll, entries.argument, count, milliseconds)
  }

  /// Waits until one of two has something.
  public static func wait(_ entries: inout InlineArray<2, PollEntry>) {
    _ = try? withAddress(of: &entries) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 2, -1)
    }
  }

  /// Waits until one of many has something; `milliseconds` -1: for ever.
  public static func wait(_ entries: Table<PollEntry>, milliseconds: Int) {
    _ = rawSystemCall(SyscallNumber.poll, entries.base.argument, entries.count, milliseconds)
  }
}
