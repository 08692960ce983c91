internal import CImage
internal import Kernel
internal import KernelABI

/// Memory of a restarted process that another process still reads from the image
/// (`restart --lazy`).
enum LazyMemory {
  /// Tells that process how it can leave, since it must unmap its own code.
  static func begin(_ handoff: ckpt_handoff) {
    (Agent.state.lazyWhole, Agent.state.lazyWatch) = (0, 0)
    guard handoff.lazy != 0 else { return }
    let record = Memory.load(ckpt_lazy.self, at: Address(handoff.lazy))
    Agent.state.lazyWhole = record.whole
    if record.traces != 0 { Agent.state.lazyWatch = handoff.lazy }
    // From here on the record may be gone, but for one who waits for the threads.
    Memory.store(Handler.unmapTwoAndExit, at: Address(handoff.lazy) + CKPT_AT_LAZY_UNMAP_AND_EXIT)
  }

  /// Where memory shows the image until it is all there, somebody has to see every system call of
  /// the program: waits until they do.
  ///
  /// To be called when all threads are there, and none has left.
  static func awaitWatch() {
    guard Agent.state.lazyWatch != 0 else { return }
    let record = Address(Agent.state.lazyWatch)
    Agent.state.lazyWatch = 0
    let woken = FutexWord(at: record + CKPT_AT_LAZY_WOKEN)
    let watched = FutexWord(at: record + CKPT_AT_LAZY_WATCHED)
    woken.store(1)
    while watched.value == 0 { watched.wait(while: 0) }
    // The record is gone soon.
    woken.store(2)
  }

  /// Waits until all memory is there and nothing is left of the restart.
  ///
  /// Until then, a checkpoint would take what is missing for zeros. The byte is on a page that is
  /// missing itself: the kernel waits for it on our behalf, and whoever brings pages takes that for
  /// a reason to hurry. Only for the moment from then to its end there is nothing to wait on.
  ///
  /// Where the image itself is shown, whoever traces the program holds a call that is about that
  /// page, for as long as it takes.
  static func awaitAll() {
    if Agent.state.lazyWhole != 0,
      let page = AddressRange(start: Address(Agent.state.lazyWhole), byteCount: pageByteCount)
    {
      try? Mapping.advise(page, Advice.normal)
    }
    while Agent.state.lazyWhole != 0, Memory.canRead(Address(Agent.state.lazyWhole)) {
      Scheduling.sleep(milliseconds: 1)
    }
    Agent.state.lazyWhole = 0
  }
}
