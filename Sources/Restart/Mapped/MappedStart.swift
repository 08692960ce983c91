internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Starts a companion, beside the process that becomes the program.
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
      Memory.store(
        Companion(plan, own: own, channel: channel, training: training, notes: notes),
        at: plan.room.pager)
      let companion = try BesideProcess(
        plan.work.image.threads, mayChoose: handoff.flags & CKPT_HANDOFF_FRESH_PIDS == 0,
        stack: plan.room.stack, companionBody, plan.room.pager)
      defer { closeDescriptor(companion.descriptor) }
      try awaitTracing(plan, companion)
      try plan.mapRuns()
      if training < 0 { WantedPages(of: plan)?.bring() }
      LazyChannel.send(
        LazyChannel.Message(first: companion.descriptor, second: companion.descriptor),
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
    _ plan: MappedPlan, _ companion: BesideProcess
  ) throws(Errno) {
    Prctl.allowTracing(by: companion.identifier)
    plan.room.go.store(Companion.Go.trace)
    plan.room.go.wakeAll()
    var patience = 1000
    while plan.room.ready.value == 0 {
      guard patience > 0 else { throw .noSuchProcess }
      patience -= 1
      plan.room.ready.wait(while: 0, atMost: 10_000_000)
    }
    Prctl.allowTracing(by: 0)
    guard plan.room.ready.value == Companion.Ready.traces else {
      throw Errno(rawValue: Int32(bitPattern: plan.room.mapped.refusal.value))
    }
  }

  /// Lets the companion begin when the program does.
  ///
  /// To be called when nothing else has to be read any more.
  func go(_ handoff: inout ckpt_handoff) {
    closeDescriptor(plan.pageMap)
    Memory.store(
      ckpt_lazy(
        whole: plan.room.whole.start.rawValue, unmap_and_exit: 0, traces: 1, woken: 0, watched: 0,
        reserved: 0), at: plan.room.record)
    handoff.lazy = plan.room.record.rawValue
    plan.room.go.store(Companion.Go.run)
    plan.room.go.wakeAll()
  }
}

private func companionBody(_ address: UInt64) {
  var companion = Memory.load(Companion.self, at: Address(address))
  companion.run()
}
