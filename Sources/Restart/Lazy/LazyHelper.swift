internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// What the two processes that bring memory later have in common, `Pager` and `Tracer`: how they are
/// started, how they tell, and how they end.
struct LazyHelper: BitwiseCopyable {
  let layout: LazyLayout

  /// The restore arena, which stays as long as they do.
  let scratch: AddressRange

  /// Where `restart` lies, likewise.
  let own: AddressRange

  /// To the supervisor.
  let channel: Int32

  /// Where to say what went wrong, -1: nowhere.
  let notes: Int32

  /// Where the pages are listed that the program touches, -1: nowhere.
  let training: Int32

  /// Process IDs may be chosen, so that none is taken that the program needs.
  let mayChooseIDs: Bool

  // MARK: In the process that becomes the program

  /// Keeps what they need out of the program's children, and off `restart`'s file.
  func keepMemory() throws(Errno) {
    try OwnMemory.detachFromFile(own)
    // ENOMEM: there is a hole in it.
    try? Mapping.advise(own, Advice.dontFork)
    try Mapping.advise(scratch, Advice.dontFork)
  }

  func start<Value>(
    _ body: @convention(c) (UInt64) -> Void, _ slot: Slot<Value>, _ threads: Records<ckpt_thread>
  ) throws(Errno) -> SharedMemoryProcess {
    try SharedMemoryProcess(
      threads, mayChoose: mayChooseIDs, stack: layout.stack, body, slot.address)
  }

  /// Gives the supervisor what it watches.
  func handOver(_ fault: Int32, _ process: SharedMemoryProcess) {
    LazyChannel.send(
      LazyChannel.Message(first: fault, second: process.descriptor), on: channel)
    closeDescriptor(process.descriptor)
  }

  /// - Returns: whether it answered in time.
  func awaitReady() -> Bool {
    var patience = 1000
    while layout.ready.value == 0 {
      guard patience > 0 else { return false }
      patience -= 1
      layout.ready.wait(while: 0, atMost: 10_000_000)
    }
    return true
  }

  /// Tells the agent that memory is missing, and the process that the program begins.
  func go(_ handoff: inout ckpt_handoff, traces: UInt32, word: UInt32) {
    Memory.store(
      ckpt_lazy(
        whole: layout.whole.start.rawValue, unmap_and_exit: 0, traces: traces, woken: 0,
        watched: 0, reserved: 0), at: layout.record)
    handoff.lazy = layout.record.rawValue
    layout.go.store(word)
    layout.go.wakeAll()
  }

  // MARK: In the process that brings memory

  /// Keeps nothing of the program but its memory, and some descriptors.
  func leaveProgram(keeping others: InlineArray<2, Int32>, _ reader: DataReader) {
    let kept: InlineArray<4, Int32> = [channel, notes, others[0], others[1]]
    SharedMemoryProcess.leaveProgram(keeping: reader.sources.count + 4) {
      $0 < 4 ? kept[$0] : reader.sources[$0 - 4].descriptor
    }
  }

  var record: ckpt_lazy { Memory.load(ckpt_lazy.self, at: layout.record) }

  /// All memory is there: unmaps `restart` and ends.
  ///
  /// - Precondition: the agent has said where, in `unmap_and_exit`.
  func finish() -> Never {
    ckernel_leave_to(
      scratch.start.rawValue, scratch.byteCount, own.start.rawValue, own.byteCount,
      record.unmap_and_exit)
  }

  /// Says why the program has to be ended; who calls it ends it.
  func tell(_ failure: RestartFailure) {
    if notes >= 0 { failure.report(to: notes) }
    LazyChannel.send(LazyChannel.Message(status: failure.status.rawValue), on: channel)
  }
}
