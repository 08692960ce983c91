internal import CKernel
internal import Kernel
internal import KernelABI

/// The agent's signal to one thread, sent so that it can't meet a program without the agent.
///
/// Between a look at /proc and a signal the program may execute another one, whose default action for
/// the signal is its end. So the thread is traced from before the look until the kernel is about to
/// run the handler. An execve(2) of its own is seen, and the signal taken away again; one of another
/// thread ends it, and its number with it, unless it is the main thread.
///
/// A thread that blocks the signal, or waits for it itself, is opened for it for just that moment: in
/// the frame from which it goes on, its mask is the one it had.
struct GuardedSignal {
  let signal: Int32
  let value: UInt64
  let tid: Int32
  let pid: Int32

  /// CLOCK_MONOTONIC in nanoseconds: until when to wait for the thread to stop.
  let deadline: UInt64

  /// What the thread was doing; exact as soon as it stands.
  var sample: ThreadSample

  /// How asking ended.
  enum Outcome: Equatable {
    /// The thread is about to be in the agent's handler.
    case sent

    /// The program isn't the one that was looked at, or the thread has ended: look again.
    case changed

    /// The thread does not stop: in an uninterruptible wait, or as the parent in vfork(2).
    case doesNotStop

    /// This command is to end.
    case interrupted

    /// ptrace(2) is forbidden, and the thread blocks the signal or waits for it itself.
    case wouldBeTaken
  }

  /// - Parameter pause: waits a moment; false when this command is to end.
  mutating func send(pause: () -> Bool) -> Outcome {
    let tracee: SeizedThread
    do throws(Errno) { tracee = try SeizedThread(tid, waiting: 0, forExec: true) } catch {
      return error == .noSuchProcess ? .changed : sendUnguarded()
    }
    guard hasAgent else { return .changed }
    do throws(Errno) {
      return try hold(tracee, pause)
    } catch {
      switch error {
      case .timedOut: return .doesNotStop
      case .interrupted: return .interrupted
      default: return .changed
      }
    }
  }

  // MARK: Traced

  private mutating func hold(_ tracee: borrowing SeizedThread, _ pause: () -> Bool) throws(Errno)
    -> Outcome
  {
    try tracee.interrupt()
    guard try awaitRest(tracee, pause), hasHandler else {
      ThreadVisit.putBack(tracee, of: pid, sample: sample)
      return .changed
    }
    sample.correct(by: try tracee.registers())
    let mask = try tracee.mask()
    let isBlocked = mask & bit != 0
    if isBlocked {
      guard try !isInAgent(tracee) else {
        ThreadVisit.putBack(tracee, of: pid, sample: sample)
        return .changed
      }
      try tracee.setMask(mask & ~bit)
    }
    try queue()
    try tracee.resume()
    return try deliver(tracee, mask: isBlocked ? mask : nil, pause)
  }

  /// Waits until the thread stands; what other signals do to it happens meanwhile.
  ///
  /// - Returns: false when it has ended, or executed another program.
  private func awaitRest(
    _ tracee: borrowing SeizedThread, _ pause: () -> Bool
  ) throws(Errno) -> Bool {
    while true {
      switch try event(tracee, pause) {
      case .trap: return true
      case .executed, .ended: return false
      case .call: try tracee.resume()
      case .signal(let number):
        try tracee.interrupt()
        try tracee.resume(with: number)
      }
    }
  }

  /// Lets the thread run until it stands before our signal.
  private func deliver(
    _ tracee: borrowing SeizedThread, mask: UInt64?, _ pause: () -> Bool
  ) throws(Errno) -> Outcome {
    var isSame = true
    while true {
      switch try event(tracee, pause) {
      case .signal(signal):
        isSame = isSame && hasHandler
        if isSame, let mask {
          try enter(tracee, mask, pause)
        } else {
          try tracee.release(with: isSame ? signal : 0)
        }
        return isSame ? .sent : .changed
      case .signal(let number): try tracee.resume(with: number)
      case .executed:
        isSame = false
        try tracee.resume()
      case .call: try tracee.resume()
      // Stopped by SIGSTOP meanwhile: it takes the signal when it goes on.
      case .trap(let isGroupStop):
        if isGroupStop { return .sent }
        try tracee.resume()
      case .ended: return .changed
      }
    }
  }

  /// Has the kernel make the handler's frame, and puts the thread's own mask into that.
  private func enter(
    _ tracee: borrowing SeizedThread, _ mask: UInt64, _ pause: () -> Bool
  ) throws(Errno) {
    try tracee.enterHandler(of: signal)
    while true {
      switch try event(tracee, pause) {
      case .signal(Self.trapSignal):
        let context = try tracee.registers().bits.rdx
        let place = context + UInt64(MemoryLayout<ckernel_ucontext>.offset(of: \.mask) ?? 0)
        try TargetMemory(tid).write(bytes(of: mask), at: place)
        return try tracee.release()
      case .signal(let number): try tracee.resume(with: number)
      case .trap, .call, .executed: try tracee.resume()
      case .ended: throw .noSuchProcess
      }
    }
  }

  private static let trapSignal: Int32 = 5

  /// - Throws: `timedOut`, and `interrupted` when this command is to end.
  private func event(
    _ tracee: borrowing SeizedThread, _ pause: () -> Bool
  ) throws(Errno) -> SeizedThread.Event {
    var turns = 0
    while true {
      do throws(Errno) { return try tracee.wait() } catch {
        guard error == .timedOut, Clock.monotonic < deadline else { throw error }
      }
      turns += 1
      // It stops within microseconds as a rule.
      if turns < 500 {
        Scheduling.yield()
      } else if !pause() {
        throw .interrupted
      }
    }
  }

  // MARK: Looks

  private var bit: UInt64 { 1 << UInt64(signal - 1) }

  private var hasHandler: Bool { status?.catches(Int(signal)) ?? false }

  private var isBlocked: Bool { status?.blocks(Int(signal)) ?? false }

  private var status: ProcessStatus? {
    (try? HostFiles.text(of: "/proc/\(pid)/task/\(tid)/status")).map { ProcessStatus($0) }
  }

  private var hasAgent: Bool {
    guard let maps = try? HostFiles.text(of: "/proc/\(pid)/task/\(tid)/maps") else { return false }
    return showsAgent(maps: maps)
  }

  /// Whether the thread is in the midst of another checkpoint.
  private func isInAgent(_ tracee: borrowing SeizedThread) throws(Errno) -> Bool {
    let place = try tracee.registers().bits.rip
    guard let maps = try? HostFiles.text(of: "/proc/\(pid)/task/\(tid)/maps") else { return true }
    return MapsLine.all(in: maps).contains { line in
      line.range.contains(place) && line.name.contains("/libckpt.so")
    }
  }

  private func queue() throws(Errno) {
    try queueSignal(Int(signal), value: value, to: tid, of: pid)
  }

  // MARK: Not traced

  /// Looks as late as can be.
  private func sendUnguarded() -> Outcome {
    if sample.call == ThreadSample.signalWait || isBlocked { return .wouldBeTaken }
    guard hasAgent, hasHandler else { return .changed }
    do throws(Errno) { try queue() } catch { return .changed }
    return .sent
  }
}

extension ThreadSample {
  /// Takes what the registers of the thread tell, as it stands.
  fileprivate mutating func correct(by registers: Registers) {
    let number = registers.call.map { Int64($0) } ?? Self.notInCall
    if number != call { waited = 0 }
    call = number
    stackPointer = registers.bits.rsp
    programCounter = registers.bits.rip
  }
}
