internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

extension SignalTables {
  /// Takes the calling thread's own pending signals off its queue and notes them.
  ///
  /// Every thread, the leader too, calls this in its handler, where all signals are blocked. They
  /// come back by `requeue`, in the same order. Requests to stop are dropped: whoever calls this has
  /// stopped already.
  ///
  /// Stopped-world safe; under 500 bytes of stack.
  ///
  /// - Returns: the signals that were pending for the thread alone.
  @inline(never)
  func notePrivate(thread: Int32) -> UInt64 {
    guard PendingSignals.blocked != 0 else { return 0 }
    var all = OwnStatus.privatePending
    var left = all
    while left != 0, let record = claim() {
      Memory.store(thread, at: record)
      guard let signal = PendingSignals.take(of: left, to: record + 8) else {
        Memory.store(UInt32(0), at: record + 4)
        break
      }
      let isRequest = StopRequest(Memory.load(ckernel_siginfo.self, at: record + 8)) != nil
      Memory.store(UInt32(isRequest ? 0 : signal), at: record + 4)
      all = isRequest ? all & ~Signal.bit(signal) : all | Signal.bit(signal)
      // A real-time signal may be queued more than once, and once more for the process.
      left = signal < 32 ? left & ~Signal.bit(signal) : left & OwnStatus.privatePending
    }
    return all
  }

  /// Takes the signals pending for the whole process off the queue and notes them.
  ///
  /// For the leader, after every thread did `notePrivate`.
  ///
  /// - Returns: the signals that were pending for the process.
  /// - Throws: `outOfMemory` when more are pending than the table holds: call `requeue` then too.
  mutating func noteShared() throws(Errno) -> UInt64 {
    var all: UInt64 = 0
    while PendingSignals.blocked != 0, let record = claim() {
      Memory.store(Int32(0), at: record)
      guard let signal = PendingSignals.take(of: ~0, to: record + 8) else {
        Memory.store(UInt32(0), at: record + 4)
        break
      }
      Memory.store(UInt32(signal), at: record + 4)
      all |= Signal.bit(signal)
    }
    try adopt()
    return all
  }

  /// Sends the noted signals again: to the original before it resumes, to the copy as it wakes.
  ///
  /// - Parameters:
  ///   - thread: the TID whose signals are meant, as noted; 0: those of the process.
  ///   - process, current: PID and TID to send to, which differ from the noted ones after a restart
  ///     with fresh ids.
  ///   - dropped: signals that are not to come back: the agent's own, in the copy.
  func requeue(
    of thread: Int32, process: Int32, current: Int32, dropping dropped: UInt64 = 0
  ) -> RestoreLosses {
    var losses = RestoreLosses.none
    for index in 0..<min(Int(claimed.value), pending.capacity) {
      let record = pending.address(of: index)
      let signal = Memory.load(UInt32.self, at: record + 4)
      guard Memory.load(Int32.self, at: record) == thread, signal != 0,
        Signal.bit(Int32(signal)) & dropped == 0,
        // One that came just before: the program runs for an interval first.
        !Ticker.isTick(Memory.load(at: record + 8))
      else { continue }
      losses = losses | send(Int32(signal), at: record + 8, process, thread == 0 ? 0 : current)
    }
    return losses
  }

  private func send(
    _ signal: Int32, at information: Address, _ process: Int32, _ thread: Int32
  ) -> RestoreLosses {
    losing(.pendingSignals) { () throws(Errno) in
      if thread == 0 {
        try PendingSignals.queue(signal, at: information, process: process)
      } else {
        try PendingSignals.queue(signal, at: information, process: process, thread: thread)
      }
    }
  }

  /// Directs process-wide pending signals of `set` to one thread, the one whose call they end.
  func assign(_ set: UInt64, to thread: Int32) {
    for index in 0..<pending.count {
      let record = pending.address(of: index)
      let signal = Memory.load(UInt32.self, at: record + 4)
      guard signal != 0, Memory.load(Int32.self, at: record) == 0,
        set & Signal.bit(Int32(signal)) != 0
      else { continue }
      Memory.store(thread, at: record)
    }
  }
}
