internal import Kernel
internal import KernelABI

extension Tracer {
  /// Takes in all that has happened to the program's threads.
  ///
  /// Source: wait(2), ptrace(2).
  mutating func takeStops() throws(RestartFailure) {
    while true {
      guard let status = try? Wait.status(of: -1, .noHang | .allThreads) else { end() }
      if status.identifier == 0 { return }
      try take(status.identifier, status.value)
    }
  }

  private mutating func take(_ thread: Int32, _ status: UInt32) throws(RestartFailure) {
    guard status & 0xFF == 0x7F else { return tracees.remove(thread) }
    let index = try place(of: thread)
    let signal = Int32(status >> 8 & 0xFF)
    switch status >> 16 {
    case 0:
      if signal == 0x85 { try takeCall(index) } else { try takeSignal(index, signal) }
    // PTRACE_EVENT_CLONE: the new thread reports by itself, but is known from now on.
    case 3:
      let new = Ptrace.newThread(of: thread)
      if new > 0 { _ = try place(of: new) }
      reach(index)
    // PTRACE_EVENT_STOP.
    case 128 where Self.isStop(signal) && !isStopping:
      tracees[index].state = .listens
      tracees[index].isInterrupted = false
      if pace == .byCalls { tracees[index].isWatched = true }
      Ptrace.listen(thread)
    default: reach(index)
    }
  }

  private mutating func place(of thread: Int32) throws(RestartFailure) -> Int {
    try during("the program had to be ended: too many threads, with its memory not yet there") {
      () throws(Errno) in try tracees.index(of: thread)
    }
  }

  /// SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
  private static func isStop(_ signal: Int32) -> Bool { signal >= 19 && signal <= 22 }

  /// A thread stands and nothing holds it.
  private func reach(_ index: Int) {
    tracees[index].state = .stands
    if !isStopping { goOn(index) }
  }

  func goOn(_ index: Int) {
    let signal = tracees[index].signal
    tracees[index].state = .runs
    tracees[index].signal = 0
    tracees[index].isInterrupted = false
    if pace == .byCalls { tracees[index].isWatched = true }
    try? Ptrace.goOn(tracees[index].thread, pace, signal: signal)
  }

  // MARK: Signals

  private func takeSignal(_ index: Int, _ signal: Int32) throws(RestartFailure) {
    let thread = tracees[index].thread
    // SIGBUS where the image has no bytes, or the kernel could not read them.
    if signal == 7, memory.isMapped(page(at: Ptrace.faultAddress(of: thread))) {
      try checkSizes()
      throw RestartFailure(
        .failed, "the program had to be ended: cannot read the image", errno: .inputOutput)
    }
    if signal == 11 { try checkSizes() }
    tracees[index].signal = signal
    reach(index)
  }

  private func page(at address: Address) -> AddressRange {
    AddressRange(start: address.roundedDownToPage, byteCount: pageByteCount) ?? .empty
  }

  // MARK: System calls

  private mutating func takeCall(_ index: Int) throws(RestartFailure) {
    guard let call = try? Ptrace.call(of: tracees[index].thread) else { return }
    tracees[index].state = .stands
    if call.isEntry {
      try begin(call, index)
    } else if call.isExit {
      try finish(call, index)
    }
    if !tracees[index].isHeld { reach(index) }
  }

  private mutating func begin(_ call: TracedCall, _ index: Int) throws(RestartFailure) {
    if training.isAnswer(call, of: program) { writeDown() }
    let effect = CallEffect(
      of: call, isMain: tracees[index].thread == program, flags: cloneFlags(call)
    ) { memory.isMapped($0) }
    switch effect {
    case .none: break
    case .waits: tracees[index].isHeld = true
    case .ends: if !isChecked { try checkTouched() }
    case .takes(let range):
      if memory.hasRoom { tracees[index].taken = range } else { tracees[index].isHeld = true }
    case .drops(let range):
      let isDone = try during(
        "the program had to be ended: cannot drop memory for it, at",
        number: range.start.rawValue, numberStyle: .hexadecimal
      ) { () throws(Errno) in try memory.drop(range) }
      if !isDone { tracees[index].isHeld = true }
    }
  }

  /// What the program has written for clone3(2); 0, which makes it wait, when it can't be read.
  private func cloneFlags(_ call: TracedCall) -> UInt64 {
    guard call.isNative, call.number == 435, call[1] >= 8, Memory.canRead(Address(call[0])),
      Memory.canRead(Address(call[0]) + 7)
    else { return 0 }
    return Memory.load(UInt64.self, at: Address(call[0]))
  }

  private mutating func finish(_ call: TracedCall, _ index: Int) throws(RestartFailure) {
    let taken = tracees[index].taken
    if !taken.isEmpty {
      tracees[index].taken = .empty
      if !call.hasFailed {
        try during("the program had to be ended: its memory, not yet there, is in too many parts") {
          () throws(Errno) in try memory.take(taken)
        }
      }
    }
    if call.result == Int(-Errno.badAddress.rawValue) { try checkSizes() }
    if call.result == Int(-Errno.interrupted.rawValue), tracees[index].isInterrupted {
      makeAgain(call, tracees[index].thread)
    }
  }

  /// A call that ended for nothing but our asking the thread to stop is made once more.
  ///
  /// Most calls the kernel makes again by itself; epoll_wait(2) and its like it does not.
  private func makeAgain(_ call: TracedCall, _ thread: Int32) {
    let number = Ptrace.register(.originalRAX, of: thread)
    // close(2) has done its work even so.
    guard number != 3, number < 0x4000_0000 else { return }
    // Calls that bring a mask of their own: pselect6, ppoll, epoll_pwait, epoll_pwait2.
    let bringsMask = number == 270 || number == 271 || number == 281 || number == 441
    let mask = bringsMask ? 0 : (try? Ptrace.mask(of: thread)) ?? 0
    guard Ptrace.pendingSignals(of: thread) & ~mask == 0 else { return }
    Ptrace.set(.rip, of: thread, to: call.place &- 2)
    Ptrace.set(.rax, of: thread, to: number)
    Ptrace.set(.originalRAX, of: thread, to: UInt64.max)
  }
}
