internal import CKernel
internal import Kernel
internal import KernelABI

/// A thread that stands still, and makes system calls for this command before it goes on as if
/// nothing had happened.
///
/// From the moment it is sent to the scratch code it needs nobody to come back.
struct RemoteCall: ~Copyable {
  private let tracee: SeizedThread
  let memory: TargetMemory
  private let scratch: UInt64
  private let resumption: ResumeRegisters
  private let mask: UInt64
  private let slotByteCount: UInt64

  /// Writes the scratch code; the thread stays where it is.
  init(
    _ tracee: consuming SeizedThread, _ memory: consuming TargetMemory, at place: ScratchPlace,
    _ resumption: ResumeRegisters, mask: UInt64
  ) throws(InjectFailure) {
    scratch = place.address + ScratchPlace.slotByteCount
    let time = resumption.slotTime ?? ckernel_timespec()
    let code = ScratchCode(back: resumption.alone, mask: mask).code
    do throws(Errno) { try memory.write(bytes(of: time) + code, at: place.address) } catch {
      throw .step(.writeMemory, error)
    }
    self.tracee = tracee
    self.memory = memory
    self.resumption = resumption
    self.mask = mask
    slotByteCount = resumption.slotTime == nil ? ScratchPlace.slotByteCount : 0
  }

  /// Makes the thread make a system call, with every signal put off.
  ///
  /// - Throws: `step` with what the kernel gave.
  borrowing func call(
    _ number: Int, _ arguments: [UInt64], for step: InjectStep
  ) throws(InjectFailure) -> UInt64 {
    let registers = resumption.alone.calling(
      number, arguments, at: scratch + ScratchCode.callOffset)
    do throws(Errno) {
      try send(to: registers)
      while true {
        try nextCall()
        if let result = try tracee.callResult() { return UInt64(try decoded(result)) }
      }
    } catch {
      throw failure(error, at: step)
    }
  }

  /// Makes the thread call a function that takes an address.
  ///
  /// - Parameters:
  ///   - area: 64-aligned zeros for the vector registers.
  ///   - top: the end of the stack; 16-aligned.
  borrowing func callFunction(
    _ function: UInt64, argument: UInt64, area: UInt64, top: UInt64
  ) throws(InjectFailure) {
    var registers = resumption.alone
    registers.bits.rip = scratch + ScratchCode.functionOffset
    registers.bits.rsp = top - 8
    registers.bits.rdi = argument
    registers.bits.rbx = area
    registers.bits.r12 = function
    let end = scratch + ScratchCode.maskCallOffset + 2
    do throws(Errno) {
      try send(to: registers)
      while true {
        try nextCall()
        if try tracee.registers().bits.rip == end, try tracee.callResult() != nil { return }
      }
    } catch {
      throw failure(error, at: .runEntry)
    }
  }

  /// Sends the thread off: from here on it comes back by itself.
  private borrowing func send(to registers: Registers) throws(Errno) {
    try tracee.setRegisters(registers)
    try tracee.setMask(UInt64.max)
  }

  /// Waits for the next begin or end of a system call.
  private borrowing func nextCall() throws(Errno) {
    var signal: Int32 = 0
    while true {
      try tracee.resumeToCall(with: signal)
      signal = 0
      switch try tracee.wait() {
      case .call: return
      case .trap, .executed: continue
      // Of what can't be blocked, only this is seen; the thread stops when it is let go.
      case .signal(Signal.stop): signal = Signal.stop
      case .signal(let number): throw Fault.errno(number)
      case .ended: throw .noSuchProcess
      }
    }
  }

  /// Faults go up as errors beyond all of the kernel's.
  private enum Fault {
    static let base: Int32 = 100_000
    static func errno(_ signal: Int32) -> Errno { Errno(rawValue: base + signal) }
    static func signal(_ errno: Errno) -> Int32? {
      errno.rawValue > base ? errno.rawValue - base : nil
    }
  }

  private borrowing func failure(_ errno: Errno, at step: InjectStep) -> InjectFailure {
    if let signal = Fault.signal(errno) { return .crashed(signal: signal) }
    switch errno {
    case .noSuchProcess: return .ended(tracee.tid)
    case .timedOut: return .doesNotStop(tid: tracee.tid, seconds: injectPatience / 1_000_000_000)
    default: return .step(step, errno)
    }
  }

  /// Puts the thread back where it was, erases the scratch code, and lets go.
  ///
  /// The mask first: until the registers are back, the thread would come back by itself.
  consuming func end() {
    _ = try? tracee.setMask(mask)
    do throws(Errno) { try tracee.setRegisters(resumption.native) } catch {
      // It is gone, or on its way back by itself.
      return
    }
    let erased = slotByteCount + ScratchCode.byteCount
    _ = try? memory.write(
      [UInt8](repeating: 0, count: Int(erased)), at: scratch - slotByteCount)
  }
}

/// Nanoseconds that a thread has to come to rest, and each of its calls to end.
let injectPatience: UInt64 = 10_000_000_000
