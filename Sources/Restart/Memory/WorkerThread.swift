internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// A thread of this process that has all that the process has, and ends by itself.
struct WorkerThread: BitwiseCopyable {
  private let identifier: Int32

  /// CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM.
  private static let cloneFlags: UInt64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000

  /// Starts one that gets no signals: one that ends the process must find its main thread.
  ///
  /// - Parameters:
  ///   - threads: whose IDs it must not take.
  ///   - body: ends by exit(2).
  init(
    _ threads: Records<ckpt_thread>, stack: AddressRange,
    _ body: @convention(c) (UInt64) -> Void, _ argument: Address
  ) throws(Errno) {
    let mask = Signal.setMask(UInt64.max)
    defer { Signal.setMask(mask) }
    // The kernel may give away the ID a moment later than the thread is seen to be gone.
    var identifiers = FreeIdentifier(threads)
    while let next = identifiers.next() {
      do throws(Errno) {
        identifier = try Self.start(stack, body, argument, as: next)
        return
      } catch {
        if error == .notPermitted { break }
        guard error == .exists || error == .invalid else { throw error }
      }
    }
    identifier = try Self.start(stack, body, argument, as: 0)
  }

  private static func start(
    _ stack: AddressRange, _ body: @convention(c) (UInt64) -> Void, _ argument: Address,
    as identifier: Int32
  ) throws(Errno) -> Int32 {
    var chosen = identifier
    var arguments = ckernel_clone_args()
    arguments.flags = cloneFlags
    arguments.stack = stack.start.rawValue
    arguments.stack_size = stack.byteCount
    return try withAddress(of: &chosen) { (set) throws(Errno) in
      if identifier != 0 {
        arguments.set_tid = set.rawValue
        arguments.set_tid_size = 1
      }
      return try HelperProcess.run(&arguments, body, argument.rawValue)
    }
  }

  /// Waits until nothing shows that there was one; it is about to end.
  func awaitEnd() {
    let process = Int(Process.ownID)
    while rawSystemCall(SyscallNumber.tgkill, process, Int(identifier), 0) == 0 {
      _ = rawSystemCall(SyscallNumber.schedYield)
    }
  }
}
