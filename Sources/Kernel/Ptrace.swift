public import CKernel
public import KernelABI

/// The calls of ptrace(2) on a thread.
///
/// Source: ptrace(2); `include/uapi/linux/ptrace.h`.
public enum Ptrace {
  private enum Request {
    static let step = 9
    static let filter = 0x420c
    static let dispatch = 0x4211
    static let getRegisters = 12
    static let setRegisters = 13
    static let rseq = 0x420f
    static let setSignalMask = 0x420b
    static let peekUser = 3
    static let pokeUser = 6
    static let detach = 17
    static let eventMessage = 0x4201
    static let signalInformation = 0x4202
    static let seize = 0x4206
    static let interrupt = 0x4207
    static let listen = 0x4208
    static let peekSignals = 0x4209
    static let signalMask = 0x420a
    static let callInformation = 0x420e
  }

  /// How threads go on.
  public enum Pace: Int, BitwiseCopyable, Sendable {
    /// PTRACE_CONT: only signals stop them.
    case freely = 7
    /// PTRACE_SYSCALL: every system call does, twice.
    case byCalls = 24
  }

  /// Fields of struct user, as offsets in bytes.
  public enum Register: Int, BitwiseCopyable, Sendable {
    case rax = 80
    case originalRAX = 120
    case rip = 128
  }

  /// What the tracer is told, and what comes of its end.
  public struct Options: FlagSet {
    public let rawValue: Int
    @inline(__always) public init(rawValue: Int) { self.rawValue = rawValue }
    public static let callsAsSuch = Options(rawValue: 0x1)  // PTRACE_O_TRACESYSGOOD
    public static let newThreads = Options(rawValue: 0x8)  // PTRACE_O_TRACECLONE
    public static let execution = Options(rawValue: 0x10)  // PTRACE_O_TRACEEXEC
    public static let killsAtEnd = Options(rawValue: 0x10_0000)  // PTRACE_O_EXITKILL
  }

  /// Source: ptrace(2), PTRACE_SEIZE.
  public static func seize(_ thread: Int32, _ options: Options) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.seize, Int(thread), 0, options.rawValue)
  }

  /// Whether the call is there: containers may filter it.
  public static var isAvailable: Bool {
    // No process has the highest number.
    rawSystemCall(SyscallNumber.ptrace, Request.seize, Int(Int32.max), 0, 0)
      == -Int(Errno.noSuchProcess.rawValue)
  }

  /// - Parameter signal: to be delivered, 0: none.
  public static func goOn(_ thread: Int32, _ pace: Pace, signal: Int32 = 0) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, pace.rawValue, Int(thread), 0, Int(signal))
  }

  public static func interrupt(_ thread: Int32) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.interrupt, Int(thread), 0, 0)
  }

  /// Leaves a thread stopped that was stopped by SIGSTOP or the like.
  public static func listen(_ thread: Int32) {
    _ = rawSystemCall(SyscallNumber.ptrace, Request.listen, Int(thread), 0, 0)
  }

  public static func detach(_ thread: Int32, signal: Int32) {
    _ = rawSystemCall(SyscallNumber.ptrace, Request.detach, Int(thread), 0, Int(signal))
  }

  /// The TID of the thread that a thread has just made; 0: not known.
  public static func newThread(of thread: Int32) -> Int32 {
    var message: UInt64 = 0
    _ = try? withAddress(of: &message) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.eventMessage, Int(thread), 0, address.argument)
    }
    return Int32(truncatingIfNeeded: message)
  }

  public static func register(_ register: Register, of thread: Int32) -> UInt64 {
    var value: UInt64 = 0
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.peekUser, Int(thread), register.rawValue, address.argument)
    }
    return value
  }

  public static func set(_ register: Register, of thread: Int32, to value: UInt64) {
    _ = rawSystemCall(
      SyscallNumber.ptrace, Request.pokeUser, Int(thread), register.rawValue,
      Int(bitPattern: UInt(value)))
  }

  /// What a thread that stands at a system call is about to do, or has done.
  public static func call(of thread: Int32) throws(Errno) -> TracedCall {
    var record = InlineArray<11, UInt64>(repeating: 0)
    try withAddress(of: &record) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.callInformation, Int(thread), 88, address.argument)
    }
    return TracedCall(record)
  }

  /// Makes one instruction, or the step into a signal's handler.
  ///
  /// Source: ptrace(2), PTRACE_SINGLESTEP.
  public static func step(_ thread: Int32, signal: Int32 = 0) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.step, Int(thread), 0, Int(signal))
  }

  /// As `detach`, for who has to know that it worked.
  public static func release(_ thread: Int32, signal: Int32) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.detach, Int(thread), 0, Int(signal))
  }

  /// How many instructions a filter of seccomp(2) has, by age: 0 is the newest.
  ///
  /// - Throws: `accessDenied` without CAP_SYS_ADMIN, `noSuchFile` beyond the oldest.
  ///
  /// Source: ptrace(2), PTRACE_SECCOMP_GET_FILTER.
  public static func filterLength(_ index: Int, of thread: Int32) throws(Errno) -> Int {
    try systemCall(SyscallNumber.ptrace, Request.filter, Int(thread), index, 0)
  }

  /// Puts the filter at an address, 8 bytes an instruction.
  public static func readFilter(
    _ index: Int, of thread: Int32, to address: Address
  ) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.filter, Int(thread), index, address.argument)
  }

  /// Whether a thread's system calls are dispatched to a handler of its own, `nil`: the kernel
  /// (before 6.4) doesn't tell.
  ///
  /// Source: `Documentation/admin-guide/syscall-user-dispatch.rst`, `struct ptrace_sud_config`.
  public static func dispatchesCalls(_ thread: Int32) -> Bool? {
    var record = InlineArray<4, UInt64>(repeating: 0)
    let result = try? withAddress(of: &record) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.dispatch, Int(thread), 32, address.argument)
    }
    return result == nil ? nil : record[0] != 0
  }

  public static func registers(of thread: Int32) throws(Errno) -> ckernel_user_regs {
    var registers = ckernel_user_regs()
    try withAddress(of: &registers) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.getRegisters, Int(thread), 0, address.argument)
    }
    return registers
  }

  public static func setRegisters(
    _ registers: ckernel_user_regs, of thread: Int32
  ) throws(Errno) {
    var registers = registers
    try withAddress(of: &registers) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.setRegisters, Int(thread), 0, address.argument)
    }
  }

  /// Where a thread's rseq area is, 0: it has none.
  ///
  /// Source: ptrace(2), PTRACE_GET_RSEQ_CONFIGURATION (Linux 5.13).
  public static func rseqArea(of thread: Int32) throws(Errno) -> UInt64 {
    var record = InlineArray<3, UInt64>(repeating: 0)
    try withAddress(of: &record) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.rseq, Int(thread), 24, address.argument)
    }
    return record[0]
  }

  /// The address that a thread's signal is about (`si_addr`).
  public static func faultAddress(of thread: Int32) -> Address {
    var record = InlineArray<16, UInt64>(repeating: 0)
    _ = try? withAddress(of: &record) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.signalInformation, Int(thread), 0, address.argument)
    }
    return Address(record[2])
  }

  /// struct ptrace_peeksiginfo_args.
  private struct PeekArguments: BitwiseCopyable {
    var offset: UInt64 = 0
    var flags: UInt32
    var count: Int32 = 32
  }

  /// The signals that wait for a thread: its own and those of its process.
  ///
  /// Of more than 32 in one queue, the first are found.
  public static func pendingSignals(of thread: Int32) -> UInt64 {
    pending(thread, flags: 0) | pending(thread, flags: 1)
  }

  private static func pending(_ thread: Int32, flags: UInt32) -> UInt64 {
    var arguments = PeekArguments(flags: flags)
    var records = InlineArray<512, UInt64>(repeating: 0)
    let count = try? withAddress(of: &arguments) { (arguments) throws(Errno) in
      try withAddress(of: &records) { (address) throws(Errno) in
        try systemCall(
          SyscallNumber.ptrace, Request.peekSignals, Int(thread), arguments.argument,
          address.argument)
      }
    }
    var set: UInt64 = 0
    for index in 0..<(count ?? 0) {
      let signal = Int32(truncatingIfNeeded: records[index * 16] & 0xFFFF_FFFF)
      if signal >= 1, signal <= Signal.count { set |= Signal.bit(signal) }
    }
    return set
  }

  /// The signal mask that a thread has outside of a call that sets one of its own.
  public static func mask(of thread: Int32) throws(Errno) -> UInt64 {
    var mask: UInt64 = 0
    try withAddress(of: &mask) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.signalMask, Int(thread), 8, address.argument)
    }
    return mask
  }

  public static func setMask(_ mask: UInt64, of thread: Int32) throws(Errno) {
    var mask = mask
    try withAddress(of: &mask) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.ptrace, Request.setSignalMask, Int(thread), 8, address.argument)
    }
  }
}

/// A system call of a traced thread, at its beginning or its end.
///
/// Source: ptrace(2), struct ptrace_syscall_info.
public struct TracedCall: BitwiseCopyable {
  /// At its beginning; else at its end, or at neither.
  public let isEntry: Bool
  public let isExit: Bool

  /// By the calling convention of 64-bit programs.
  public let isNative: Bool

  /// At the beginning: what is called.
  public let number: Int
  private let arguments: InlineArray<6, UInt64>

  /// At the end: what came of it, `-4095...(-1)` an error.
  public let result: Int

  /// Behind the instruction that makes it.
  public let place: UInt64

  /// AUDIT_ARCH_X86_64.
  private static let nativeArchitecture: UInt64 = 0xC000_003E

  public init(_ record: InlineArray<11, UInt64>) {
    let kind = record[0] & 0xFF
    isEntry = kind == 1
    isExit = kind == 2
    isNative = record[0] >> 32 == Self.nativeArchitecture
    place = record[1]
    number = Int(truncatingIfNeeded: record[3])
    result = Int(truncatingIfNeeded: record[3])
    arguments = [record[4], record[5], record[6], record[7], record[8], record[9]]
  }

  /// For tests of what is done about a call.
  public init(number: Int, _ arguments: InlineArray<6, UInt64>, isNative: Bool = true) {
    (isEntry, isExit) = (true, false)
    (result, place) = (0, 0)
    self.isNative = isNative
    self.number = number
    self.arguments = arguments
  }

  public subscript(index: Int) -> UInt64 { arguments[index] }

  public var hasFailed: Bool { result < 0 && result >= -4095 }
}
