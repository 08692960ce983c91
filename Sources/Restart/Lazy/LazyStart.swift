internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Starts a pager, beside the process that becomes the program.
struct LazyStart: BitwiseCopyable {
  let plan: LazyPlan
  let program: Int32

  /// - Returns: `nil` when there can be none, which is said on `notes`: then all is read at once.
  static func make(
    _ plan: LazyPlan?, _ handoff: ckpt_handoff, channel: Int32, notes: Int32
  ) -> LazyStart? {
    guard let plan else { return nil }
    do throws(Errno) {
      let own = AddressRange(start: handoff.own_start, end: handoff.own_end) ?? .empty
      try OwnMemory.detachFromFile(own)
      // ENOMEM: there is a hole in it.
      try? Mapping.advise(own, Advice.dontFork)
      try Mapping.advise(plan.work.range, Advice.dontFork)
      let space = try plan.register()
      let program = try Events.openProcess(Process.ownID)
      let pager = try Pager(
        plan, space, own: own, program: program, channel: channel, notes: notes)
      plan.layout.pager.store(pager)
      let descriptor = try SharedMemoryProcess(
        plan.work.image.threads, mayChoose: handoff.flags & CKPT_HANDOFF_FRESH_PIDS == 0,
        stack: plan.layout.stack, pagerBody, plan.layout.pager.address
      ).descriptor
      LazyChannel.send(
        LazyChannel.Message(first: plan.fault.descriptor, second: descriptor), on: channel)
      closeDescriptor(descriptor)
      return LazyStart(plan: plan, program: program)
    } catch {
      plan.abandon()
      MappedPlan.note(notes, "it takes Linux 6.8, and a process ID other than 1", error)
      return nil
    }
  }

  /// Lets the pager read in the background, and lets go of what is its own now.
  ///
  /// To be called when nothing else has to be read any more.
  func go(_ handoff: inout ckpt_handoff) throws(RestartFailure) {
    var patience = 1000
    while plan.layout.ready.value == 0 {
      guard patience > 0 else {
        throw RestartFailure(.failed, "the process that reads the program's memory was killed")
      }
      patience -= 1
      plan.layout.ready.wait(while: 0, atMost: 10_000_000)
    }
    closeDescriptor(plan.fault.descriptor)
    closeDescriptor(program)
    Memory.store(
      ckpt_lazy(
        whole: plan.layout.whole.start.rawValue, unmap_and_exit: 0, traces: 0, woken: 0, watched: 0,
        reserved: 0), at: plan.layout.record)
    handoff.lazy = plan.layout.record.rawValue
    plan.layout.go.store(1)
  }
}

private func pagerBody(_ address: UInt64) {
  var pager = Slot<Pager>(at: Address(address)).load()
  pager.run()
}
