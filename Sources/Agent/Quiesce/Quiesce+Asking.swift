internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// How one thread is asked to stop.
extension Quiesce {
  /// Gives a thread a slot and sends it the request.
  mutating func stop(_ tid: Int32, _ draft: inout ImageDraft) throws(CaptureFailure) {
    // The main thread may have ended and stay for as long as the program lives.
    guard looksFirst || tid == process else {
      return try ask(tid, by: Configuration.controlSignal, &draft)
    }
    guard let status = try? ThreadStatus(of: tid, text: text) else { return }
    // Threads inherit the mask that the first one has.
    if status.blocked & Signal.bit(Configuration.controlSignal) != 0 { looksFirst = true }
    guard !status.isZombie else { return try addEnded(tid, &draft) }
    let reaching = BorrowedSignals.reaching(status.blocked)
    guard let signal = reaching ?? (looksFirst ? nil : Configuration.controlSignal) else {
      unreachable = tid
      return
    }
    if signal != Configuration.controlSignal, tid != process { metBlocked = true }
    try ask(tid, by: signal, &draft)
  }

  private mutating func addEnded(_ tid: Int32, _ draft: inout ImageDraft) throws(CaptureFailure) {
    guard tid == process else { return addZombie(tid) }
    var record = ckpt_thread()
    record.tid = tid
    record.flags = CKPT_THREAD_MAIN | CKPT_THREAD_EXITED
    highest = max(highest, tid)
    try add(record, .none, &draft)
  }

  private mutating func ask(
    _ tid: Int32, by signal: Int32, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    let index = draft.threads.count
    var record = ckpt_thread()
    record.tid = tid
    let sample = sampler.sample(tid)
    try add(record, sample, &draft)
    highest = max(highest, tid)
    expected += 1
    // What waits for signals would take ours for one of its own.
    if canTrace, sample.line?.number == Self.signalWait, try trace(index, &draft) { return }
    if try !send(signal, to: index, draft) { drop(index, &draft) }
  }

  /// rt_sigtimedwait(2).
  private static let signalWait: Int64 = 128

  /// Stops the thread of a slot though no signal reaches it.
  ///
  /// - Returns: false where that is forbidden, or doesn't work now.
  mutating func trace(_ index: Int, _ draft: inout ImageDraft) throws(CaptureFailure) -> Bool {
    let tid = draft.threads[index].tid
    let signal = Configuration.controlSignal
    try during(.stopThread, on: UInt64(tid)) { () throws(Errno) in
      try BorrowedSignals.borrow(signal)
    }
    let request = request(signal, to: index)
    do throws(Errno) {
      let call = try TracedStop.run(tid, of: process, request, &draft.scratch)
      draft.root.samples.update(index) {
        if $0.line?.number != call.number { $0.waited = 0 }
        $0.line = call.number < 0 ? nil : call
      }
      asked[index] = UInt8(truncatingIfNeeded: signal)
      metBlocked = true
      return true
    } catch {
      // One at work in the agent arrives by itself.
      if error != .busy { canTrace = false }
      return false
    }
  }

  /// Stops a thread that blocks every signal and was not asked.
  ///
  /// - Returns: false when it can't be done.
  mutating func trace(newcomer tid: Int32, _ draft: inout ImageDraft) throws(CaptureFailure) -> Bool
  {
    let index = draft.threads.count
    var record = ckpt_thread()
    record.tid = tid
    try add(record, sampler.sample(tid), &draft)
    highest = max(highest, tid)
    expected += 1
    if try trace(index, &draft) { return true }
    drop(index, &draft)
    return false
  }

  private mutating func add(
    _ record: ckpt_thread, _ sample: CallSample, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    try during(.prepare) { () throws(Errno) in
      try asked.append(0)
      try draft.root.threads.append(record)
      try draft.root.samples.append(sample)
      try draft.root.attributes.append(ThreadAttributes())
      try draft.root.pendingSets.append(0)
      draft.root.publish()
    }
  }

  /// Sends the thread of a slot the request.
  ///
  /// - Returns: false when there is no such thread any more.
  mutating func send(
    _ signal: Int32, to index: Int, _ draft: ImageDraft
  ) throws(CaptureFailure) -> Bool {
    let tid = draft.threads[index].tid
    asked[index] = UInt8(truncatingIfNeeded: signal)
    try during(.stopThread, on: UInt64(tid)) { () throws(Errno) in
      try BorrowedSignals.borrow(signal)
    }
    let info = request(signal, to: index)
    do throws(Errno) {
      try Signal.queue(info, process: process, thread: tid, signal: signal)
      return true
    } catch {
      guard error != .noSuchProcess else { return false }
      throw CaptureFailure(.stopThread, error, subject: UInt64(tid))
    }
  }

  private func request(_ signal: Int32, to index: Int) -> ckernel_siginfo {
    var info = ckernel_siginfo()
    info.signal = signal
    info.code = Signal.queued
    info.pid = process
    info.value = StopRequest.value(epoch: epoch, index: index)
    return info
  }
}
