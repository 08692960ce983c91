internal import CImage
internal import Kernel
internal import KernelABI

/// A thread of this process that has all that the process has, and ends by itself.
struct WorkerThread: BitwiseCopyable {
  private let identifier: Int32

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
    let flags: CloneFlags =
      .memory | .fileSystem | .files | .signalHandlers | .thread | .semaphoreUndo
    identifier = try HelperProcess.start(
      HelperProcess.Options(flags, stack: stack), asOneOf: { identifiers.next() }, body,
      argument)
  }

  /// Waits until nothing shows that there was one; it is about to end.
  func awaitEnd() {
    while Process.hasThread(identifier, of: Process.ownID) {
      Scheduling.yield()
    }
  }
}
