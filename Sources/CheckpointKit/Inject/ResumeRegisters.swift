internal import CKernel
internal import KernelABI

/// With which registers a thread that was stopped goes on where it was.
///
/// As if it had never stopped: a system call that the stop cut short is made again, and no wait gets
/// longer. `native` leaves as much as possible to the kernel, whose own restart knows what is left of
/// a time-out; `alone` is for a thread that comes back by the scratch code, through no more than a jump.
struct ResumeRegisters: Equatable {
  var native: Registers
  var alone: Registers

  /// What must lie at the slot that the registers point to, `nil`: nothing.
  var slotTime: ckernel_timespec?

  /// What is known of a thread that stands still.
  struct Stop {
    var registers: Registers

    /// Whether the system call had set a signal mask for its own length (pselect(2) and its kin).
    var hasTemporaryMask = false

    /// Whether a signal waits for it that ends the call rightfully.
    var hasPendingSignal = false

    /// Where a restartable sequence that it stood in is to be abandoned to, 0: it stood in none.
    var abortAddress: UInt64 = 0

    /// Nanoseconds that it had waited in the call, 0: not known.
    var waited: UInt64 = 0

    /// The time-out that the call's argument points to, if it has one.
    var timeout: ckernel_timespec?

    /// Where a shortened one may lie.
    var slot: UInt64 = 0
  }

  /// What a call that is to be made again gives; never seen by programs.
  ///
  /// Source: `include/linux/errno.h`.
  private enum Restart {
    static let sys = -512
    static let noInterrupt = -513
    static let noHandler = -514
    static let byBlock = -516
  }

  private static let restartCall: UInt64 = 219
  private static let interrupted = -4

  init(_ stop: Stop) {
    var registers = stop.registers
    if stop.abortAddress != 0 { registers.bits.rip = stop.abortAddress }
    native = registers
    alone = registers
    alone.bits.orig_rax = Registers.noCall
    guard let call = registers.call else { return }
    switch registers.result {
    case Restart.sys, Restart.noInterrupt, Restart.noHandler:
      alone.makeAgain(UInt64(call))
      // With the mask that the program has outside of the call, a signal that the call would have
      // kept waiting is taken now: before the call, and not as its end.
      if stop.hasTemporaryMask { native = alone }
    case Restart.byBlock:
      alone.makeAgain(Self.restartCall)
    case Self.interrupted
    where !stop.hasPendingSignal && BlockingCall.endsInAnyHandler(Int64(call)):
      alone.makeAgain(UInt64(call))
      shorten(Int64(call), stop)
      native = alone
    default: break
    }
  }

  /// Takes what the thread has waited off the call's time-out.
  private mutating func shorten(_ call: Int64, _ stop: Stop) {
    guard stop.waited > 0,
      let timeout = BlockingCall.timeout(of: call, { stop.registers.argument($0) })
    else { return }
    switch timeout {
    case .milliseconds(let index):
      let left = UInt64(UInt32(truncatingIfNeeded: stop.registers.argument(index))) * 1_000_000
      let shortened = left > stop.waited ? (left - stop.waited + 999_999) / 1_000_000 : 0
      alone.setArgument(index, to: shortened)
    case .timespec(let index), .sleep(let index, _):
      guard let time = stop.timeout, stop.slot != 0 else { return }
      slotTime = time.shortened(by: stop.waited)
      alone.setArgument(index, to: stop.slot)
    }
  }

  static func == (left: ResumeRegisters, right: ResumeRegisters) -> Bool {
    left.native == right.native && left.alone == right.alone
      && left.slotTime.map { bytes(of: $0) } == right.slotTime.map { bytes(of: $0) }
  }
}

extension ResumeRegisters.Stop {
  /// Where the time-out of the interrupted call lies, `nil`: it has none in memory.
  var timeoutAddress: UInt64? {
    guard let call = registers.call,
      let timeout = BlockingCall.timeout(of: Int64(call), { registers.argument($0) })
    else { return nil }
    switch timeout {
    case .milliseconds: return nil
    case .timespec(let index), .sleep(let index, _): return registers.argument(index)
    }
  }
}

extension Registers {
  /// The arguments of a system call, 0...5.
  func argument(_ index: Int) -> UInt64 {
    [bits.rdi, bits.rsi, bits.rdx, bits.r10, bits.r8, bits.r9][index]
  }

  fileprivate mutating func setArgument(_ index: Int, to value: UInt64) {
    switch index {
    case 0: bits.rdi = value
    case 1: bits.rsi = value
    case 2: bits.rdx = value
    case 3: bits.r10 = value
    case 4: bits.r8 = value
    default: bits.r9 = value
    }
  }

  /// Goes back to the instruction of the call, which has two bytes, and wants `number`.
  fileprivate mutating func makeAgain(_ number: UInt64) {
    bits.rip &-= 2
    bits.rax = number
  }
}

extension ckernel_timespec {
  fileprivate func shortened(by nanoseconds: UInt64) -> ckernel_timespec {
    let billion: UInt64 = 1_000_000_000
    let (whole, overflows) = UInt64(clamping: seconds).multipliedReportingOverflow(by: billion)
    guard !overflows, whole < UInt64.max - billion else { return self }
    let all = whole + UInt64(clamping: self.nanoseconds)
    let left = all > nanoseconds ? all - nanoseconds : 0
    return ckernel_timespec(
      seconds: Int64(left / billion), nanoseconds: Int64(left % billion))
  }
}
