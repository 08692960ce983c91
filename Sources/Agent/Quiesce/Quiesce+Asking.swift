internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// How one thread is asked to stop.
extension Quiesce {
  /// Gives a thread a slot and sends it the request.
  mutating func stop(_ tid: Int32, _ draft: inout ImageDraft) throws(CaptureFailure) {
    // The main thread may have ended and stay for as long as the program lives.
    guard looksFirst || tid == process else {
      return try ask(tid, by: Configuration.controlSignal, &draft)
    }
    guard let status = try? ThreadStatus(of: tid, text: text) else { return }
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
    try add(record, sampler.sample(tid), &draft)
    highest = max(highest, tid)
    expected += 1
    if try !send(signal, to: index, draft) { drop(index, &draft) }
  }

  private mutating func add(
    _ record: ckpt_thread, _ sample: CallSample, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    try during(.prepare) { () throws(Errno) in
      try asked.append(0)
      try draft.root.threads.append(record)
      try draft.root.samples.append(sample)
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
    var info = ckernel_siginfo()
    info.signal = signal
    info.code = Signal.queued
    info.pid = process
    info.value = StopRequest.value(epoch: epoch, index: index)
    do throws(Errno) {
      try Signal.queue(info, process: process, thread: tid, signal: signal)
      return true
    } catch {
      guard error != .noSuchProcess else { return false }
      throw CaptureFailure(.stopThread, error, subject: UInt64(tid))
    }
  }
}
