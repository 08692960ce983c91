internal import CImage
internal import Kernel
internal import KernelABI

/// Reads all that the program sees in the image, and checks it, into memory beside the program.
///
/// A thread of the process that traces the program, and workers.
struct MappedFill: BitwiseCopyable {
  /// Of which the spans lie beside the program.
  let work: RestoreArena
  let layout: MappedLayout

  enum End {
    static let well: UInt32 = 1
    static let badly: UInt32 = 2
  }

  init(_ plan: MappedPlan) throws(Errno) {
    work = try plan.besideProgram()
    layout = plan.layout.mapped
  }

  func start() throws(Errno) -> WorkerThread {
    layout.fill.store(self)
    return try WorkerThread(
      work.image.threads, stack: layout.stack, mappedFillBody, layout.fill.address)
  }

  /// The program has a processor for itself if there is more than one; the last worker's room is
  /// not the workers'.
  private static var workerCount: Int {
    min(FillWorker.limit - 1, max(1, Scheduling.allowedProcessorCount - 1))
  }

  fileprivate func serve() {
    var end = End.well
    do throws(RestartFailure) {
      try run()
    } catch {
      layout.failure.store(error)
      end = End.badly
    }
    layout.fillEnd.store(end)
    // The tracer waits for this signal, which also tells of the program's threads.
    try? Process.send(Signal.child, to: Process.ownID)
  }

  private func run() throws(RestartFailure) {
    let hugePages = HugePages(for: work)
    let plan: FillPlan
    do throws(Errno) { plan = try FillPlan(work, hugePages) { _ in true } } catch {
      hugePages.close()
      throw RestartFailure(
        .failed, "the program had to be ended: cannot plan the reading of the image", errno: error)
    }
    defer { plan.finish(work, hugePages) }
    try FillWorker.fill(plan, work, hugePages, atMost: Self.workerCount)
  }
}

private func mappedFillBody(_ fill: UInt64) {
  Slot<MappedFill>(at: Address(fill)).load().serve()
  exitThread()
}
