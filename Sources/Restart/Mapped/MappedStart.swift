internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Starts a tracer, beside the process that becomes the program.
struct MappedStart: BitwiseCopyable {
  let plan: MappedPlan

  /// - Returns: `nil` when there can be none, which is said on `notes`: then all is read at once.
  static func make(
    _ plan: MappedPlan?, _ handoff: ckpt_handoff, channel: Int32, training: Int32,
    notes: Int32
  ) -> MappedStart? {
    guard var plan else { return nil }
    do throws(Errno) {
      try plan.choose()
      guard plan.regions.count > 0 else {
        plan.abandon()
        return nil
      }
      let own = AddressRange(start: handoff.own_start, end: handoff.own_end) ?? .empty
      try OwnMemory.detachFromFile(own)
      // ENOMEM: there is a hole in it.
      try? Mapping.advise(own, Advice.dontFork)
      try Mapping.advise(plan.work.range, Advice.dontFork)
      plan.layout.tracer.store(
        Tracer(plan, own: own, channel: channel, training: training, notes: notes))
      let tracer = try SharedMemoryProcess(
        plan.work.image.threads, mayChoose: handoff.flags & CKPT_HANDOFF_FRESH_PIDS == 0,
        stack: plan.layout.stack, tracerBody, plan.layout.tracer.address)
      defer { closeDescriptor(tracer.descriptor) }
      try awaitTracing(plan, tracer)
      try plan.mapRuns()
      if training < 0 { WantedPages(of: plan)?.bring() }
      LazyChannel.send(
        LazyChannel.Message(first: tracer.descriptor, second: tracer.descriptor),
        on: channel)
      return MappedStart(plan: plan)
    } catch {
      plan.abandon()
      MappedPlan.note(
        notes, error == .notPermitted ? "here no process may trace another" : "", error)
      return nil
    }
  }

  private static func awaitTracing(
    _ plan: MappedPlan, _ tracer: SharedMemoryProcess
  ) throws(Errno) {
    Prctl.allowTracing(by: tracer.identifier)
    plan.layout.go.store(Tracer.Go.trace)
    plan.layout.go.wakeAll()
    var patience = 1000
    while plan.layout.ready.value == 0 {
      guard patience > 0 else { throw .noSuchProcess }
      patience -= 1
      plan.layout.ready.wait(while: 0, atMost: 10_000_000)
    }
    Prctl.allowTracing(by: 0)
    guard plan.layout.ready.value == Tracer.Ready.traces else {
      throw Errno(rawValue: Int32(bitPattern: plan.layout.mapped.refusal.value))
    }
  }

  /// Lets the tracer begin when the program does.
  ///
  /// To be called when nothing else has to be read any more.
  func go(_ handoff: inout ckpt_handoff) {
    closeDescriptor(plan.pageMap)
    Memory.store(
      ckpt_lazy(
        whole: plan.layout.whole.start.rawValue, unmap_and_exit: 0, traces: 1, woken: 0, watched: 0,
        reserved: 0), at: plan.layout.record)
    handoff.lazy = plan.layout.record.rawValue
    plan.layout.go.store(Tracer.Go.run)
    plan.layout.go.wakeAll()
  }
}

private func tracerBody(_ address: UInt64) {
  var tracer = Slot<Tracer>(at: Address(address)).load()
  tracer.run()
}
