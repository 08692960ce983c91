internal import CKernel
internal import Kernel
internal import KernelABI

/// A thread of the program as the helper traces it.
///
/// When the helper ends, whatever the reason, the kernel lets the thread go on.
///
/// Source: ptrace(2), PTRACE_SEIZE.
struct ThreadTracer {
  private let thread: Int32
  private let deadline: UInt64

  private enum Request {
    static let resume = 7
    static let step = 9
    static let registers = 12
    static let detach = 17
    static let seize = 0x4206
    static let interrupt = 0x4207
    static let mask = 0x420A
    static let setMask = 0x420B
  }

  init(_ thread: Int32, deadline: UInt64) throws(Errno) {
    self.thread = thread
    self.deadline = deadline
    try systemCall(SyscallNumber.ptrace, Request.seize, Int(thread), 0, 0)
  }

  func interrupt() throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.interrupt, Int(thread))
  }

  func release() {
    _ = rawSystemCall(SyscallNumber.ptrace, Request.detach, Int(thread))
  }

  /// Waits until it stands where it was interrupted; what signals do to it happens meanwhile.
  ///
  /// - Returns: false when it has ended.
  func awaitRest() throws(Errno) -> Bool {
    while true {
      let status = try wait()
      guard status & 0xFF == 0x7F else { return false }
      if status >> 16 == Self.stopEvent { return true }
      try interrupt()
      try resume(with: status >> 8 & 0xFF)
    }
  }

  /// Lets it run into the handler of a signal that waits for it, and stand before its first instruction.
  func enterHandler(of signal: Int32) throws(Errno) {
    try resume(with: 0)
    var isEntering = false
    while true {
      let status = try wait()
      guard status & 0xFF == 0x7F else { throw .noSuchProcess }
      let number = status >> 8 & 0xFF
      if isEntering, number == Self.trap { return }
      if status >> 16 == Self.stopEvent {
        try resume(with: 0)
      } else if number == signal {
        isEntering = true
        try systemCall(SyscallNumber.ptrace, Request.step, Int(thread), 0, Int(signal))
      } else {
        try resume(with: number)
      }
    }
  }

  /// PTRACE_EVENT_STOP.
  private static let stopEvent: Int32 = 128
  private static let trap: Int32 = 5

  private func resume(with signal: Int32) throws(Errno) {
    try systemCall(SyscallNumber.ptrace, Request.resume, Int(thread), 0, Int(signal))
  }

  /// - Throws: `timedOut`.
  private func wait() throws(Errno) -> Int32 {
    var status: Int32 = 0
    while true {
      let found = try withAddress(of: &status) { (address) throws(Errno) in
        try systemCall(
          SyscallNumber.wait4, Int(thread), address.argument, Self.withoutHang | Self.anyThread, 0)
      }
      if found != 0 { return status }
      guard Clock.monotonic < deadline else { throw .timedOut }
      _ = rawSystemCall(SyscallNumber.schedYield)
    }
  }

  private static let withoutHang = 1
  private static let anyThread = 0x4000_0000

  // MARK: State

  func registers() throws(Errno) -> ckernel_user_regs {
    var registers = ckernel_user_regs()
    try withAddress(of: &registers) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.registers, Int(thread), 0, address.argument)
    }
    return registers
  }

  /// The mask that it has outside of a call that sets one of its own.
  func mask() throws(Errno) -> UInt64 {
    var mask: UInt64 = 0
    try withAddress(of: &mask) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.mask, Int(thread), 8, address.argument)
    }
    return mask
  }

  func setMask(_ mask: UInt64) throws(Errno) {
    var mask = mask
    try withAddress(of: &mask) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ptrace, Request.setMask, Int(thread), 8, address.argument)
    }
  }
}
