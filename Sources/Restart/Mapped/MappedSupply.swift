internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Memory that shows the image while a `Tracer` reads it, beside the program.
struct MappedSupply {
  private var plan: MappedPlan
  private var helper: LazyHelper?

  init(_ plan: MappedPlan) { self.plan = plan }

  /// - Returns: `false` when there can be no tracer, which is said, or nothing is worth one: then all
  ///   is read at once.
  mutating func start(_ helper: LazyHelper) -> Bool {
    do throws(Errno) {
      try plan.choose()
      guard plan.regions.count > 0 else {
        plan.abandon()
        return false
      }
      try helper.keepMemory()
      plan.layout.tracer.store(Tracer(plan, helper))
      let tracer = try helper.start(tracerBody, plan.layout.tracer, plan.work.image.threads)
      do throws(Errno) {
        try Self.awaitTracing(helper, tracer)
        try plan.mapRuns()
      } catch {
        closeDescriptor(tracer.descriptor)
        throw error
      }
      if helper.training < 0 { WantedPages(of: plan)?.bring() }
      helper.handOver(tracer.descriptor, tracer)
      self.helper = helper
      return true
    } catch {
      plan.abandon()
      MappedPlan.note(
        helper.notes, error == .notPermitted ? "here no process may trace another" : "", error)
      return false
    }
  }

  private static func awaitTracing(
    _ helper: LazyHelper, _ tracer: SharedMemoryProcess
  ) throws(Errno) {
    Prctl.allowTracing(by: tracer.identifier)
    helper.layout.go.store(Tracer.Go.trace)
    helper.layout.go.wakeAll()
    guard helper.awaitReady() else { throw .noSuchProcess }
    Prctl.allowTracing(by: 0)
    guard helper.layout.ready.value == Tracer.Ready.traces else {
      throw Errno(rawValue: Int32(bitPattern: helper.layout.mapped.refusal.value))
    }
  }

  /// Lets the tracer begin when the program does.
  func go(_ handoff: inout ckpt_handoff) {
    closeDescriptor(plan.pageMap)
    helper?.go(&handoff, traces: 1, word: Tracer.Go.run)
  }
}

private func tracerBody(_ address: UInt64) {
  var tracer = Slot<Tracer>(at: Address(address)).load()
  tracer.run()
}
