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

  init(_ thread: Int32, deadline: UInt64) throws(Errno) {
    self.thread = thread
    self.deadline = deadline
    try Ptrace.seize(thread, .none)
  }

  func interrupt() throws(Errno) {
    try Ptrace.interrupt(thread)
  }

  func release() {
    Ptrace.detach(thread, signal: 0)
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
        try Ptrace.step(thread, signal: signal)
      } else {
        try resume(with: number)
      }
    }
  }

  /// PTRACE_EVENT_STOP.
  private static let stopEvent: Int32 = 128
  private static let trap: Int32 = 5

  private func resume(with signal: Int32) throws(Errno) {
    try Ptrace.goOn(thread, .freely, signal: signal)
  }

  /// - Throws: `timedOut`.
  private func wait() throws(Errno) -> Int32 {
    while true {
      let status = try Wait.status(of: thread, .noHang | .allThreads)
      if status.identifier != 0 { return Int32(bitPattern: status.value) }
      guard Clock.monotonic < deadline else { throw .timedOut }
      Scheduling.yield()
    }
  }

  // MARK: State

  func registers() throws(Errno) -> ckernel_user_regs { try Ptrace.registers(of: thread) }

  /// The mask that it has outside of a call that sets one of its own.
  func mask() throws(Errno) -> UInt64 { try Ptrace.mask(of: thread) }

  func setMask(_ mask: UInt64) throws(Errno) { try Ptrace.setMask(mask, of: thread) }
}
