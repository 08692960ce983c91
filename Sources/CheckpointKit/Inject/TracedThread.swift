internal import CKernel
internal import Kernel
internal import KernelABI

/// A thread of another process that this command may stop and look into.
///
/// Whatever becomes of the owner, the kernel lets the thread go on with the registers it has then.
///
/// Source: ptrace(2), PTRACE_SEIZE.
struct TracedThread: ~Copyable {
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

  private enum Request {
    static let resume = 7
    static let getRegisters = 12
    static let setRegisters = 13
    static let detach = 17
    static let resumeToCall = 24
    static let getMask = 0x420a
    static let setMask = 0x420b
    static let callInformation = 0x420e
    static let seize = 0x4206
    static let interrupt = 0x4207
    static let rseq = 0x420f
    static let step = 9
    static let filter = 0x420c
    static let dispatch = 0x4211
  }

  /// PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACEEXEC.
  private static let tellsCalls = 1
  private static let tellsExec = 0x10

  /// Takes the thread; it runs on.
  ///
  /// - Throws: `notPermitted` also when another process traces it.
  init(_ tid: Int32, waiting patience: UInt64, forExec: Bool = false) throws(Errno) {
    let options = Self.tellsCalls | (forExec ? Self.tellsExec : 0)
    try systemCall(SyscallNumber.ptrace, Request.seize, Int(tid), 0, options)
    self.tid = tid
    deadline = Clock.monotonic + patience
  }

  /// A thread that stands still goes on with the registers it has.
  deinit { _ = rawSystemCall(SyscallNumber.ptrace, Request.detach, Int(tid)) }

  // MARK: Stop and go

  /// Asks it to stop at the next safe place.
  borrowing func interrupt() throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.interrupt, Int(tid))
  }

  borrowing func resume(with signal: Int32 = 0) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.resume, Int(tid), 0, Int(signal))
  }

  /// Lets it run to the next begin or end of a system call.
  borrowing func resumeToCall(with signal: Int32 = 0) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.resumeToCall, Int(tid), 0, Int(signal))
  }

  /// Lets it take a signal, and stop before the first instruction of the handler.
  borrowing func enterHandler(of signal: Int32) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.step, Int(tid), 0, Int(signal))
  }

  /// Lets it go on for good, with the signal that it stands before, or with none.
  borrowing func release(with signal: Int32 = 0) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.detach, Int(tid), 0, Int(signal))
  }

  /// Waits until it stands still.
  ///
  /// - Throws: `timedOut`; a thread in an uninterruptible wait does not stop.
  borrowing func wait() throws(Errno) -> Event {
    var status: Int32 = 0
    var turns = 0
    while true {
      let found = try retryingInterrupts { () throws(Errno) in
        try Kernel.withAddress(of: &status) { address throws(Errno) in
          try systemCall(
            SyscallNumber.wait4, Int(tid), address.argument, Self.withoutHang | Self.anyThread, 0)
        }
      }
      if found != 0 { return Self.event(status) }
      guard Clock.monotonic < deadline else { throw .timedOut }
      turns += 1
      // It is at work for microseconds as a rule.
      if turns < 500 {
        _ = rawSystemCall(SyscallNumber.schedYield)
      } else {
        _ = rawSystemCall(SyscallNumber.poll, 0, 0, 1)
      }
    }
  }

  private static let withoutHang = 1
  private static let anyThread = 0x4000_0000

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
    try Kernel.withAddress(of: &registers.bits) { address throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.getRegisters, Int(tid), 0, address.argument)
    }
    return registers
  }

  borrowing func setRegisters(_ registers: Registers) throws(Errno) {
    var bits = registers.bits
    try Kernel.withAddress(of: &bits) { address throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.setRegisters, Int(tid), 0, address.argument)
    }
  }

  /// The signal mask that it has outside of a call that sets one of its own.
  borrowing func mask() throws(Errno) -> UInt64 {
    var mask: UInt64 = 0
    try Kernel.withAddress(of: &mask) { address throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.getMask, Int(tid), 8, address.argument)
    }
    return mask
  }

  borrowing func setMask(_ mask: UInt64) throws(Errno) {
    var mask = mask
    try Kernel.withAddress(of: &mask) { address throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.setMask, Int(tid), 8, address.argument)
    }
  }

  /// What the system call gave at whose end it stands, `nil`: it stands at no end.
  borrowing func callResult() throws(Errno) -> Int? {
    var information = [UInt8](repeating: 0, count: 88)
    let tid = Int(tid)
    _ = try withAddress(ofMutableBytes: &information) { address throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.callInformation, tid, 88, address.argument)
    }
    // PTRACE_SYSCALL_INFO_EXIT.
    guard information[0] == 2 else { return nil }
    return value(Int64.self, in: information, at: 24).map { Int($0) }
  }

  /// Where its rseq area is, 0: it has none, or the kernel (before 5.13) doesn't tell.
  borrowing func rseqArea() -> UInt64 {
    var information = [UInt8](repeating: 0, count: 24)
    let tid = Int(tid)
    _ = try? withAddress(ofMutableBytes: &information) { address throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.rseq, tid, 24, address.argument)
    }
    return value(UInt64.self, in: information) ?? 0
  }

  /// A filter of seccomp(2), by age: 0 is the newest; in the kernel's layout of classic BPF.
  ///
  /// - Throws: `accessDenied` without CAP_SYS_ADMIN, `noSuchFile` beyond the oldest.
  borrowing func filter(_ index: Int) throws(Errno) -> [UInt8] {
    let count = try systemCall(SyscallNumber.ptrace, Request.filter, Int(tid), index, 0)
    var code = [UInt8](repeating: 0, count: count * 8)
    let tid = Int(tid)
    _ = try withAddress(ofMutableBytes: &code) { address throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.filter, tid, index, address.argument)
    }
    return code
  }

  /// Whether its system calls are dispatched to a handler of its own, `nil`: the kernel (before 6.4)
  /// doesn't tell.
  ///
  /// Source: `Documentation/admin-guide/syscall-user-dispatch.rst`, `struct ptrace_sud_config`.
  borrowing func dispatchesCalls() -> Bool? {
    var record = [UInt8](repeating: 0, count: 32)
    let tid = Int(tid)
    let result = try? withAddress(ofMutableBytes: &record) { address throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.dispatch, tid, 32, address.argument)
    }
    return result == nil ? nil : value(UInt64.self, in: record) != 0
  }
}
