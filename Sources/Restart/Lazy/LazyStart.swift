internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Starts a pager, beside the process that becomes the program.
struct LazyStart: BitwiseCopyable {
  let plan: LazyPlan
  let program: Int32

  /// CLONE_VM, CLONE_PIDFD, CLONE_PARENT: a child of the supervisor, which hears of its end.
  private static let cloneFlags: UInt64 = 0x100 | 0x1000 | 0x8000

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
      Memory.store(pager, at: plan.room.pager)
      let descriptor = try start(
        plan, mayChoose: handoff.flags & CKPT_HANDOFF_FRESH_PIDS == 0)
      LazyChannel.send(
        LazyChannel.Message(first: plan.fault.descriptor, second: descriptor), on: channel)
      closeDescriptor(descriptor)
      return LazyStart(plan: plan, program: program)
    } catch {
      plan.abandon()
      LazyPlan.note(notes, error)
      return nil
    }
  }

  /// - Returns: a pidfd.
  private static func start(_ plan: LazyPlan, mayChoose: Bool) throws(Errno) -> Int32 {
    let mask = Signal.setMask(UInt64.max)
    defer { Signal.setMask(mask) }
    if mayChoose {
      var identifier = FreeIdentifier(plan.work.image.threads)
      while let next = identifier.next() {
        do throws(Errno) {
          return try start(plan, as: next)
        } catch {
          if error == .notPermitted { break }
          // Taken, or too large for this system.
          guard error == .exists || error == .invalid else { throw error }
        }
      }
    }
    return try start(plan, as: 0)
  }

  private static func start(_ plan: LazyPlan, as identifier: Int32) throws(Errno) -> Int32 {
    var arguments = ckernel_clone_args()
    var descriptor: Int32 = -1
    var chosen = identifier
    arguments.flags = cloneFlags
    arguments.stack = plan.room.stack.start.rawValue
    arguments.stack_size = plan.room.stack.byteCount
    return try withAddress(of: &descriptor) { (place) throws(Errno) in
      arguments.pidfd = place.rawValue
      return try withAddress(of: &chosen) { (set) throws(Errno) in
        if identifier != 0 {
          arguments.set_tid = set.rawValue
          arguments.set_tid_size = 1
        }
        _ = try HelperProcess.run(&arguments, pagerBody, plan.room.pager.rawValue)
        return Memory.load(Int32.self, at: place)
      }
    }
  }

  /// Lets the pager read in the background, and lets go of what is its own now.
  ///
  /// To be called when nothing else has to be read any more.
  func go(_ handoff: inout ckpt_handoff) throws(RestartFailure) {
    var patience = 1000
    while plan.room.ready.value == 0 {
      guard patience > 0 else {
        throw RestartFailure(.failed, "the process that reads the program's memory was killed")
      }
      patience -= 1
      plan.room.ready.wait(while: 0, atMost: 10_000_000)
    }
    closeDescriptor(plan.fault.descriptor)
    closeDescriptor(program)
    Memory.store(
      ckpt_lazy(whole: plan.room.whole.start.rawValue, unmap_and_exit: 0), at: plan.room.record)
    handoff.lazy = plan.room.record.rawValue
    plan.room.go.store(1)
  }
}

private func pagerBody(_ address: UInt64) {
  var pager = Memory.load(Pager.self, at: Address(address))
  pager.run()
}
