internal import Kernel
internal import KernelABI

/// A thread of another process that this command may stop and look into.
///
/// Whatever becomes of the owner, the kernel lets the thread go on with the registers it has then.
///
/// Source: ptrace(2), PTRACE_SEIZE.
struct SeizedThread: ~Copyable {
  let tid: Int32

  /// CLOCK_MONOTONIC in nanoseconds: until when to wait for it to stop.
  let deadline: UInt64

  /// How it came to rest.
  enum Event: Equatable {
    /// By `interrupt`, or since all of its process is stopped (SIGSTOP).
    case trap(isGroupStop: Bool)

    /// At the begin or the end of a system call.
    case call

    /// Before a signal is delivered.
    case signal(Int32)

    /// At the end of execve(2).
    case executed

    /// For good.
    case ended
  }

  /// Takes the thread; it runs on.
  ///
  /// - Throws: `notPermitted` also when another process traces it.
  init(_ tid: Int32, waiting patience: UInt64, forExec: Bool = false) throws(Errno) {
    try Ptrace.seize(tid, .callsAsSuch | (forExec ? .execution : .none))
    self.tid = tid
    deadline = Clock.monotonic + patience
  }

  /// A thread that stands still goes on with the registers it has.
  deinit { Ptrace.detach(tid, signal: 0) }

  // MARK: Stop and go

  /// Asks it to stop at the next safe place.
  borrowing func interrupt() throws(Errno) {
    try Ptrace.interrupt(tid)
  }

  borrowing func resume(with signal: Int32 = 0) throws(Errno) {
    try Ptrace.goOn(tid, .freely, signal: signal)
  }

  /// Lets it run to the next begin or end of a system call.
  borrowing func resumeToCall(with signal: Int32 = 0) throws(Errno) {
    try Ptrace.goOn(tid, .byCalls, signal: signal)
  }

  /// Lets it take a signal, and stop before the first instruction of the handler.
  borrowing func enterHandler(of signal: Int32) throws(Errno) {
    try Ptrace.step(tid, signal: signal)
  }

  /// Lets it go on for good, with the signal that it stands before, or with none.
  borrowing func release(with signal: Int32 = 0) throws(Errno) {
    try Ptrace.release(tid, signal: signal)
  }

  /// Waits until it stands still.
  ///
  /// - Throws: `timedOut`; a thread in an uninterruptible wait does not stop.
  borrowing func wait() throws(Errno) -> Event {
    var turns = 0
    while true {
      let status = try Wait.status(of: tid, .noHang | .allThreads)
      if status.identifier != 0 { return Self.event(Int32(bitPattern: status.value)) }
      guard Clock.monotonic < deadline else { throw .timedOut }
      turns += 1
      // It is at work for microseconds as a rule.
      if turns < 500 {
        Scheduling.yield()
      } else {
        Scheduling.sleep(milliseconds: 1)
      }
    }
  }

  /// Source: ptrace(2), "Stopped states"; wait(2).
  static func event(_ status: Int32) -> Event {
    guard status & 0xFF == 0x7F else { return .ended }
    let signal = status >> 8 & 0xFF
    switch status >> 16 {
    case 128: return .trap(isGroupStop: signal != 5)
    case 4: return .executed
    default: return signal == 5 | 0x80 ? .call : .signal(signal)
    }
  }

  // MARK: State

  borrowing func registers() throws(Errno) -> Registers {
    var registers = Registers()
    registers.bits = try Ptrace.registers(of: tid)
    return registers
  }

  borrowing func setRegisters(_ registers: Registers) throws(Errno) {
    try Ptrace.setRegisters(registers.bits, of: tid)
  }

  /// The signal mask that it has outside of a call that sets one of its own.
  borrowing func mask() throws(Errno) -> UInt64 { try Ptrace.mask(of: tid) }

  borrowing func setMask(_ mask: UInt64) throws(Errno) { try Ptrace.setMask(mask, of: tid) }

  /// What the system call gave at whose end it stands, `nil`: it stands at no end.
  borrowing func callResult() throws(Errno) -> Int? {
    let call = try Ptrace.call(of: tid)
    return call.isExit ? call.result : nil
  }

  /// Where its rseq area is, 0: it has none, or the kernel (before 5.13) doesn't tell.
  borrowing func rseqArea() -> UInt64 { (try? Ptrace.rseqArea(of: tid)) ?? 0 }

  /// A filter of seccomp(2), by age: 0 is the newest; in the kernel's layout of classic BPF.
  ///
  /// - Throws: `accessDenied` without CAP_SYS_ADMIN, `noSuchFile` beyond the oldest.
  borrowing func filter(_ index: Int) throws(Errno) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: try Ptrace.filterLength(index, of: tid) * 8)
    let tid = tid
    _ = try withAddress(ofMutableBytes: &code) { address throws(Errno) in
      try Ptrace.readFilter(index, of: tid, to: address)
    }
    return code
  }

  /// Whether its system calls are dispatched to a handler of its own, `nil`: the kernel (before 6.4)
  /// doesn't tell.
  ///
  /// Source: `Documentation/admin-guide/syscall-user-dispatch.rst`, `struct ptrace_sud_config`.
  borrowing func dispatchesCalls() -> Bool? {
    Ptrace.dispatchesCalls(tid)
  }
}
