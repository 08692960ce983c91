internal import CKernel
public import KernelABI

/// A process that shares our memory (CLONE_VM), runs one function on a stack of its own and ends.
///
/// Stopped-world safe.
public enum HelperProcess {
  /// How one is made; its end sends no signal, so that only `__WCLONE` sees it.
  public struct Options: BitwiseCopyable {
    public var flags: CloneFlags
    public var stack: AddressRange

    /// The word of `settingWord` and `clearingWord`.
    public var word = Address.zero

    /// Where `descriptor` puts the pidfd, 4 bytes.
    public var descriptorPlace = Address.zero

    /// The ID that it gets; 0: the kernel chooses.
    public var identifier: Int32 = 0

    public init(_ flags: CloneFlags, stack: AddressRange) {
      self.flags = flags
      self.stack = stack
    }
  }

  /// Starts it; with `untilEnd` it has ended when this returns.
  ///
  /// - Parameter body: must end by `exitThread`, never return.
  /// - Returns: its PID.
  ///
  /// Source: clone3(2).
  public static func start(
    _ options: Options, _ body: @convention(c) (UInt64) -> Void, _ argument: Address
  ) throws(Errno) -> Int32 {
    var identifier = options.identifier
    var arguments = ckernel_clone_args()
    arguments.flags = (options.flags | .memory).rawValue
    arguments.stack = options.stack.start.rawValue
    arguments.stack_size = options.stack.byteCount
    arguments.child_tid = options.word.rawValue
    arguments.pidfd = options.descriptorPlace.rawValue
    return try withAddress(of: &identifier) { (set) throws(Errno) in
      if options.identifier != 0 {
        arguments.set_tid = set.rawValue
        arguments.set_tid_size = 1
      }
      return try withAddress(of: &arguments) { (address) throws(Errno) in
        try start(address, body, argument.rawValue)
      }
    }
  }

  /// Starts it with the first ID of several that is free; last, with one that the kernel chooses.
  ///
  /// - Parameter next: the next ID to try, `nil` when there is none more.
  public static func start(
    _ options: Options, asOneOf next: () -> Int32?, _ body: @convention(c) (UInt64) -> Void,
    _ argument: Address
  ) throws(Errno) -> Int32 {
    var options = options
    while let identifier = next() {
      options.identifier = identifier
      do throws(Errno) {
        return try start(options, body, argument)
      } catch {
        if error == .notPermitted { break }
        // Taken, or too large for this system.
        guard error == .exists || error == .invalid else { throw error }
      }
    }
    options.identifier = 0
    return try start(options, body, argument)
  }

  // Safe: the kernel copies the arguments before the new process exists.
  private static func start(
    _ arguments: Address, _ body: @convention(c) (UInt64) -> Void, _ argument: UInt64
  ) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try decoded(
        unsafe ckernel_clone_thread(
          UnsafeMutableRawPointer(bitPattern: UInt(arguments.rawValue)),
          UInt64(MemoryLayout<ckernel_clone_args>.size), body, argument)))
  }

  /// Takes one that has ended, or is about to, out of the process table.
  ///
  /// Source: wait(2), __WCLONE.
  public static func reap(_ child: Int32) {
    _ = try? retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.wait4, Int(child), 0, 0x8000_0000, 0)
    }
  }
}
