internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Reads units of the program's memory, one after another, beside others that do the same.
///
/// The workers but the first are threads that have all that this process has, and end before the
/// program goes on.
struct FillWorker: BitwiseCopyable {
  let image: LoadedImage
  let units: Table<FillUnit>
  let reader: DataReader
  let hugePages: HugePages

  /// Where this one's huge page and its other things lie.
  let stage: Address
  let layout: WorkerLayout

  /// Which unit is next, and whether some worker has failed; all workers look there.
  let next: FutexWord
  let failed: FutexWord

  /// No more are started.
  static let limit = 4

  init(
    _ number: Int, _ work: RestoreArena, _ units: Table<FillUnit>, _ hugePages: HugePages
  ) {
    image = work.image
    self.units = units
    self.hugePages = hugePages
    reader = work.reader(number)
    stage = work.stage(number)
    layout = work.workerLayout(number)
    next = work.workerLayout(0).next
    failed = work.workerLayout(0).failed
  }

  /// Takes units until none is left or someone has failed.
  func run() throws(RestartFailure) {
    do throws(RestartFailure) {
      while failed.value == 0 {
        let index = next.add(1) &- 1
        guard index < units.count else { return }
        try fill(units[Int(index)])
      }
    } catch {
      failed.store(1)
      throw error
    }
  }

  private func fill(_ unit: FillUnit) throws(RestartFailure) {
    let span = image.spans[Int(unit.span)]
    let region = image.regions[Int(span.region)].start
    let place = AddressRange(start: span.address + unit.offset, byteCount: unit.byteCount) ?? .empty
    switch unit.kind {
    case .spans: try fillSpans(unit)
    case .direct:
      try reader.read(span.part(from: unit.offset, unit.byteCount, to: place.start, region: region))
    case .moved:
      try reader.read(span.part(from: unit.offset, unit.byteCount, to: stage, region: region))
      try during(
        "cannot bring data to its place in region", number: region, numberStyle: .hexadecimal
      ) { () throws(Errno) in try hugePages.bring(stage, to: place) }
    }
  }

  // MARK: Small spans

  /// Reads spans, those that lie side by side in one source by one call.
  private func fillSpans(_ unit: FillUnit) throws(RestartFailure) {
    var first = Int(unit.span)
    let end = first + Int(unit.spanCount)
    while first < end {
      var last = first
      while last + 1 < end, image.spans[last].isFollowed(by: image.spans[last + 1]) { last += 1 }
      try fill(first...last)
      first = last + 1
    }
  }

  private func fill(_ indices: ClosedRange<Int>) throws(RestartFailure) {
    let first = image.spans[indices.lowerBound]
    if first.source == Span.zeros {
      return Memory.zero(
        AddressRange(start: first.address, byteCount: first.byteCount) ?? .empty)
    }
    var isRead = false
    if indices.count > 1 {
      var byteCount: UInt64 = 0
      for index in indices {
        let span = image.spans[index]
        Memory.store(
          ckernel_iovec(base: span.address.rawValue, byte_count: span.byteCount),
          at: layout.vectors + UInt64((index - indices.lowerBound) * 16))
        byteCount += span.byteCount
      }
      let source = image.sources[Int(first.source)]
      let got = try? Files.read(
        source.descriptor, vectors: layout.vectors, count: indices.count,
        at: source.start + first.fileOffset)
      // A short read says nothing of what went wrong; reading each alone does.
      isRead = got == byteCount
    }
    for index in indices {
      let span = image.spans[index]
      let piece = span.part(
        from: 0, span.byteCount, to: span.address,
        region: image.regions[Int(span.region)].start)
      if isRead { try reader.check(piece) } else { try reader.read(piece) }
    }
  }
}

extension Span {
  /// Whether another one's bytes come right behind in the same source.
  func isFollowed(by other: Span) -> Bool {
    source == other.source && source != Span.zeros && other.fileOffset == fileOffset + byteCount
  }
}

// MARK: Several

extension FillWorker {
  /// Bytes below which a second worker isn't worth starting.
  private static let worthwhile: UInt64 = 8 << 20

  /// Reads all units with as many workers as there are processors for.
  ///
  /// The caller is one of them.
  static func fill(
    _ plan: FillPlan, _ work: RestoreArena, _ hugePages: HugePages, atMost most: Int = limit
  ) throws(RestartFailure) {
    let first = FillWorker(0, work, plan.units, hugePages)
    first.next.store(0)
    first.failed.store(0)
    var children = InlineArray<4, WorkerThread?>(repeating: nil)
    let count = plan.byteCount < worthwhile ? 1 : min(most, Scheduling.allowedProcessorCount)
    for number in 1..<max(1, count) {
      children[number] = FillWorker(number, work, plan.units, hugePages).start()
    }
    var failure: RestartFailure?
    do throws(RestartFailure) { try first.run() } catch { failure = error }
    for number in 1..<max(1, count) {
      guard let child = children[number] else { continue }
      let worker = FillWorker(number, work, plan.units, hugePages)
      worker.awaitEnd(child)
      if worker.hasFailed {
        failure = failure ?? worker.layout.failure.load()
      }
    }
    if let failure { throw failure }
  }

  private enum End {
    static let well: UInt32 = 1
    static let badly: UInt32 = 2
  }

  private var end: FutexWord { layout.end }
  private var hasFailed: Bool { end.value == End.badly }

  /// Waits until a worker has ended and nothing shows that there was one.
  private func awaitEnd(_ thread: WorkerThread) {
    while end.value == 0 { end.wait(while: 0) }
    thread.awaitEnd()
  }

  /// - Returns: `nil` when there can be none, and the others do its part.
  private func start() -> WorkerThread? {
    end.store(0)
    layout.worker.store(self)
    return try? WorkerThread(
      image.threads, stack: layout.stack, fillWorkerBody, layout.worker.address)
  }

  /// In the thread that `start` made.
  fileprivate func serve() {
    var result = End.well
    do throws(RestartFailure) {
      try run()
    } catch {
      layout.failure.store(error)
      result = End.badly
    }
    end.store(result)
    end.wakeAll()
  }
}

private func fillWorkerBody(_ worker: UInt64) {
  Slot<FillWorker>(at: Address(worker)).load().serve()
  exitThread()
}
