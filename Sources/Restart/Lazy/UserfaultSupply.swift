internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Memory that a `Pager` brings while the program runs.
struct UserfaultSupply {
  private let plan: LazyPlan
  private var started: (helper: LazyHelper, program: Int32)?

  init(_ plan: LazyPlan) { self.plan = plan }

  /// - Returns: `false` when there can be no pager, which is said: then all is read at once.
  mutating func start(_ helper: LazyHelper) -> Bool {
    do throws(Errno) {
      try helper.keepMemory()
      let space = try plan.register()
      let program = try Events.openProcess(Process.ownID)
      plan.layout.pager.store(try Pager(plan, space, helper, program: program))
      let pager = try helper.start(pagerBody, plan.layout.pager, plan.work.image.threads)
      helper.handOver(plan.fault.descriptor, pager)
      started = (helper, program)
      return true
    } catch {
      plan.abandon()
      MappedPlan.note(helper.notes, "it takes Linux 6.8, and a process ID other than 1", error)
      return false
    }
  }

  /// Lets the pager read in the background, and lets go of what is its own now.
  func go(_ handoff: inout ckpt_handoff) throws(RestartFailure) {
    guard let (helper, program) = started else { return }
    guard helper.awaitReady() else {
      throw RestartFailure(.failed, "the process that reads the program's memory was killed")
    }
    closeDescriptor(plan.fault.descriptor)
    closeDescriptor(program)
    helper.go(&handoff, traces: 0, word: 1)
  }
}

private func pagerBody(_ address: UInt64) {
  var pager = Slot<Pager>(at: Address(address)).load()
  pager.run()
}
