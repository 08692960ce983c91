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
    defer { hugePages.close() }
    let plan = try plan(hugePages)
    defer { finish(hugePages) }
    try FillWorker.fill(plan, work, hugePages, atMost: Self.workerCount)
  }

  private func plan(_ hugePages: HugePages) throws(RestartFailure) -> FillPlan {
    var plan = FillPlan(work.units)
    do throws(Errno) {
      for index in 0..<work.image.spans.count {
        let span = work.image.spans[index]
        let region = work.image.regions[Int(span.region)]
        var movable = hugePages.movable(span, in: region)
        if let range = movable, !hugePages.prepare(range) { movable = nil }
        try plan.add(index, span, movable: movable)
      }
      try plan.endGroup()
      return plan
    } catch {
      throw RestartFailure(
        .failed, "the program had to be ended: cannot plan the reading of the image", errno: error)
    }
  }

  /// Puts the memory together again that `plan` took apart.
  private func finish(_ hugePages: HugePages) {
    for index in 0..<work.image.spans.count {
      let span = work.image.spans[index]
      if hugePages.movable(span, in: work.image.regions[Int(span.region)]) != nil,
        let range = span.wholeHugePages
      {
        hugePages.finish(range)
      }
    }
  }
}

private func mappedFillBody(_ fill: UInt64) {
  Slot<MappedFill>(at: Address(fill)).load().serve()
  exitThread()
}
