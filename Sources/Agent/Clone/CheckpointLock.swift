internal import Kernel
internal import KernelABI

/// One checkpoint at a time: a request that comes while a clone is at work waits its turn.
enum CheckpointLock {
  /// Takes the turn if nobody has it.
  ///
  /// Else a plain signal is remembered, and the clone sends it again in the end; `ckpt` is told to
  /// ask again; a periodic checkpoint is left out.
  static func take(_ control: Control, _ order: Trigger.Order) -> Bool {
    guard !Deferral.isOn else {
      if order.isCall {
        Deferral.putBack(order.isRequest ? .request(order.value) : .none)
      } else {
        Deferral.put(off: order)
      }
      control.reportDeferred()
      return false
    }
    return ShortLock.with(Agent.turn) { takeOpen(control, order) }
  }

  private static func takeOpen(_ control: Control, _ order: Trigger.Order) -> Bool {
    guard Agent.state.writerStatus != 0 else { return true }
    let page = WriterStatus(at: Agent.state.writerStatus)
    if isOver(page) {
      forget(page)
      return true
    }
    if !control.options.isExecutable, Precopy.take(page, control) { return true }
    if control.isConnected {
      control.reportWaiting()
      return false
    }
    guard !order.isTick, !order.isCall else { return false }
    let wanted = UInt32(bitPattern: order.signal)
    page.pending.store(wanted)
    // It may have ended before it could see that.
    guard isOver(page), page.pending.exchange(wanted, for: 0) else { return false }
    forget(page)
    return true
  }

  /// How far a clone is, and the word to wait at, which may be unmapped at any time.
  struct Look {
    var stage: WriterStatus.Stage
    var word: FutexWord
  }

  /// Looks whether a clone is at work, `nil`: none is; for threads that don't lead.
  static func look() -> Look? {
    ShortLock.with(Agent.turn) {
      guard Agent.state.writerStatus != 0 else { return nil }
      let page = WriterStatus(at: Agent.state.writerStatus)
      guard isOver(page) else { return Look(stage: page.stage, word: page.stageWord) }
      // A precopy process's share is the leader's to give back.
      if Agent.state.precopy.share == nil { forget(page) }
      return nil
    }
  }

  private static func isOver(_ page: WriterStatus) -> Bool {
    page.stage == .done || !page.isAlive()
  }

  private static func forget(_ page: WriterStatus) {
    // Where it is our child, it is a zombie by now, or will be in a moment.
    if page.process > 0 { HelperProcess.reap(page.process) }
    Precopy.abandon()
    tellCaller(page)
    if page.result == .durable { Lineage.follow(page.record, path: page.path) }
    _ = try? Mapping.unmap(page.range)
    Agent.state.writerStatus = 0
  }

  /// Notes what came of the image for the call that waits for it.
  private static func tellCaller(_ page: WriterStatus) {
    let number = Agent.state.writerCall
    Agent.state.writerCall = 0
    guard number != 0 else { return }
    for slot in 0..<2 where Agent.state.waited[slot].call == number {
      let isDurable = page.result == .durable
      Agent.state.waited[slot].errno = isDurable ? Errno.none : page.errno
      Agent.state.waited[slot].state = isDurable ? .durable : .failed
      if !isDurable {
        Memory.copy(
          from: page.sentence,
          to: slot == CloneWord.waiting ? Sentences.callPlace : Sentences.asynchronousPlace,
          byteCount: Sentences.textCapacity)
      }
    }
  }
}
