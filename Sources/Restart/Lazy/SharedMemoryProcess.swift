internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// A process that shares the program's memory and is a child of the supervisor, which hears of its
/// end.
struct SharedMemoryProcess: BitwiseCopyable {
  /// As the program sees it.
  let identifier: Int32

  /// A pidfd.
  let descriptor: Int32

  /// CLONE_VM, CLONE_PIDFD, CLONE_PARENT.
  private static let cloneFlags: UInt64 = 0x100 | 0x1000 | 0x8000

  /// Starts one, with an ID that no thread of the program needs if IDs may be chosen.
  ///
  /// - Parameters:
  ///   - body: must not return.
  ///   - argument: what it gets.
  init(
    _ threads: Records<ckpt_thread>, mayChoose: Bool, stack: AddressRange,
    _ body: @convention(c) (UInt64) -> Void, _ argument: Address
  ) throws(Errno) {
    let mask = Signal.setMask(UInt64.max)
    defer { Signal.setMask(mask) }
    if mayChoose {
      var identifier = FreeIdentifier(threads)
      while let next = identifier.next() {
        do throws(Errno) {
          self = try Self.start(stack, body, argument, as: next)
          return
        } catch {
          if error == .notPermitted { break }
          // Taken, or too large for this system.
          guard error == .exists || error == .invalid else { throw error }
        }
      }
    }
    self = try Self.start(stack, body, argument, as: 0)
  }

  private init(_ identifier: Int32, _ descriptor: Int32) {
    self.identifier = identifier
    self.descriptor = descriptor
  }

  private static func start(
    _ stack: AddressRange, _ body: @convention(c) (UInt64) -> Void, _ argument: Address,
    as identifier: Int32
  ) throws(Errno) -> SharedMemoryProcess {
    var arguments = ckernel_clone_args()
    var descriptor: Int32 = -1
    var chosen = identifier
    arguments.flags = cloneFlags
    arguments.stack = stack.start.rawValue
    arguments.stack_size = stack.byteCount
    return try withAddress(of: &descriptor) { (place) throws(Errno) in
      arguments.pidfd = place.rawValue
      return try withAddress(of: &chosen) { (set) throws(Errno) in
        if identifier != 0 {
          arguments.set_tid = set.rawValue
          arguments.set_tid_size = 1
        }
        let process = try HelperProcess.run(&arguments, body, argument.rawValue)
        return SharedMemoryProcess(process, Memory.load(Int32.self, at: place))
      }
    }
  }

  /// In the process: keeps nothing of the program but its memory, and some descriptors.
  static func leaveProgram(keeping count: Int, _ kept: (Int) -> Int32) {
    let name: StaticString = "ckpt-lazy"
    let root: StaticString = "/"
    // PR_SET_NAME.
    _ = rawSystemCall(SyscallNumber.prctl, 15, name.address.argument)
    _ = rawSystemCall(SyscallNumber.setsid)
    _ = rawSystemCall(SyscallNumber.chdir, root.address.argument)
    Descriptors.closeAll(but: count, kept)
  }
}
