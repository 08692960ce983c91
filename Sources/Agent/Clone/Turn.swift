internal import Kernel
internal import KernelABI

/// One checkpoint at a time: a request that comes while a clone is at work waits its turn.
enum Turn {
  /// Takes the turn if nobody has it.
  ///
  /// Else a plain signal is remembered, and the clone sends it again in the end; `ckpt` is told to
  /// ask again; a periodic checkpoint is left out.
  static func take(_ control: Control, _ order: Trigger.Order) -> Bool {
    guard Agent.state.writerPage != 0 else { return true }
    let page = WriterPage(at: Agent.state.writerPage)
    if isOver(page) {
      forget(page)
      return true
    }
    if !control.wishes.isExecutable, Precopy.take(page) { return true }
    if control.isConnected {
      control.reportWaiting()
      return false
    }
    guard !order.isTick else { return false }
    let wanted = UInt32(bitPattern: order.signal)
    page.pending.store(wanted)
    // It may have ended before it could see that.
    guard isOver(page), page.pending.exchange(wanted, for: 0) else { return false }
    forget(page)
    return true
  }

  private static func isOver(_ page: WriterPage) -> Bool {
    page.stage == .done || !page.isAlive()
  }

  private static func forget(_ page: WriterPage) {
    // Where it is our child, it is a zombie by now, or will be in a moment.
    if page.process > 0 { HelperProcess.reap(page.process) }
    Precopy.abandon()
    if page.result == .durable { Lineage.follow(page.record, path: page.path) }
    _ = try? Mapping.unmap(page.range)
    Agent.state.writerPage = 0
  }
}
