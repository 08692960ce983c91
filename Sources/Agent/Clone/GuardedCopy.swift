internal import CKernel
internal import Kernel
internal import KernelABI

/// Copies memory that may hold guard pages (MADV_GUARD_INSTALL), which must not be touched.
///
/// They are rare, and to ask the kernel of each page takes longer than the copy. So a helper copies,
/// which shares the memory but not the signal actions: where it is stopped by a fault, it ends.
/// Stopped-world safe.
enum GuardedCopy {
  fileprivate struct Job: BitwiseCopyable {
    var pieces: Table<Staging.Piece>

    /// Top of two stacks, the maker's and below it the copier's; then the word that the kernel
    /// clears when the copier has left our memory.
    var stackTop: Address

    /// Set when all is copied.
    var isDone: UInt32 = 0

    var word: FutexWord { FutexWord(at: stackTop, isShared: true) }
  }

  /// CLONE_VM, CLONE_VFORK, CLONE_UNTRACED, CLONE_CHILD_CLEARTID of `include/uapi/linux/sched.h`.
  private static let sharingMemory: UInt64 = 0x100
  private static let untilEnd: UInt64 = 0x4000
  private static let untraced: UInt64 = 0x80_0000
  private static let notingLife: UInt64 = 0x20_0000
  private static let stackByteCount: UInt64 = 64 << 10

  /// - Returns: whether everything could be read.
  static func run(
    _ pieces: Table<Staging.Piece>, _ scratch: inout Arena
  ) throws(Errno) -> Bool {
    let place = try scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let stack = try scratch.reserve(2 * stackByteCount + 16, alignment: pageByteCount)
    let job = Job(pieces: pieces, stackTop: stack + 2 * stackByteCount)
    Memory.store(job, at: place)
    var arguments = ckernel_clone_args()
    arguments.flags = sharingMemory | untilEnd | untraced
    arguments.stack = (stack + stackByteCount).rawValue
    arguments.stack_size = stackByteCount
    if Clone.isReaper {
      HelperProcess.reap(try HelperProcess.run(&arguments, agentCopy, place.rawValue))
    } else {
      // The copier is not our child: its time is not that of the program's children.
      job.word.store(1)
      HelperProcess.reap(try HelperProcess.run(&arguments, agentCopyHelper, place.rawValue))
      while job.word.value != 0 { job.word.wait(while: job.word.value) }
    }
    return Memory.load(Job.self, at: place).isDone != 0
  }

  /// Makes the copier.
  fileprivate static func makeCopier(_ place: Address) {
    let job = Memory.load(Job.self, at: place)
    var arguments = ckernel_clone_args()
    arguments.flags = sharingMemory | untraced | notingLife
    arguments.stack = (job.stackTop - 2 * stackByteCount).rawValue
    arguments.stack_size = stackByteCount
    arguments.child_tid = job.word.address.rawValue
    do throws(Errno) {
      _ = try HelperProcess.run(&arguments, agentCopy, place.rawValue)
    } catch {
      job.word.store(0)
    }
  }

  /// SA_ONSTACK.
  fileprivate static let onAlternateStack: UInt64 = 0x0800_0000

  fileprivate static let faults: InlineArray<2, Int32> = [7, 11]  // SIGBUS, SIGSEGV
}

/// Begins on its own stack; makes the copier and ends.
@c(agent_copy_helper)
func agentCopyHelper(_ place: UInt64) {
  GuardedCopy.makeCopier(Address(place))
  while true { _ = rawSystemCall(SyscallNumber.exit, 0) }
}

/// Begins on its own stack.
@c(agent_copy)
func agentCopy(_ place: UInt64) {
  // Not even as a zombie may it hold the program's process group.
  _ = rawSystemCall(SyscallNumber.setsid)
  var job = Memory.load(GuardedCopy.Job.self, at: Address(place))
  var mask = UInt64.max
  var action = Handler.action
  action.handler = Handler.copyFault
  // Not on the alternate stack: the leader's signal frame may be there.
  action.flags &= ~GuardedCopy.onAlternateStack
  for index in GuardedCopy.faults.indices {
    _ = try? Signal.setAction(action, of: GuardedCopy.faults[index])
    mask &= ~Signal.bit(GuardedCopy.faults[index])
  }
  Signal.setMask(mask)
  for index in 0..<job.pieces.count {
    let piece = job.pieces[index]
    Memory.copy(
      from: Address(piece.start), to: Address(piece.place), byteCount: piece.end - piece.start)
  }
  job.isDone = 1
  Memory.store(job, at: Address(place))
  while true { _ = rawSystemCall(SyscallNumber.exit, 0) }
}

/// The helper met a page that can't be read.
@c(agent_copy_fault)
func agentCopyFault(_ signal: Int32, _ information: UInt64, _ context: UInt64) {
  while true { _ = rawSystemCall(SyscallNumber.exit, 1) }
}
