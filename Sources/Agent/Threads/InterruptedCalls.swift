internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// Takes the frames of stopped threads to where the program notices nothing.
///
/// For the leader, when all threads are parked and before the frames are saved:
/// `TimeoutSlots.freeAll`, then `keepTimeout` for every thread, then `settle` for every thread, the
/// main thread first.
enum InterruptedCalls {
  /// What the leader knows of a thread besides its frame.
  struct Thread: BitwiseCopyable {
    var identifier: Int32
    var sample: CallSample

    /// Signals pending for it alone: what `SignalTables.notePrivate` gave.
    var pending: UInt64
  }

  /// What was done.
  struct Outcome: BitwiseCopyable {
    /// The call that is made again, by us or by the kernel, -1: none.
    var systemCall: Int64 = -1

    /// Nanoseconds that it had waited, 0: not known.
    var waited: UInt64 = 0

    /// Whether it came back with EINTR whose call could not be found out: the program sees it.
    var isLost = false
  }

  /// Keeps the slot that a call in progress points to from an earlier checkpoint.
  static func keepTimeout(frame: Address) {
    let context = Memory.load(ckernel_ucontext.self, at: frame).context
    for argument in 0..<5 {
      if let index = TimeoutSlots.index(of: context.argument(argument)) {
        TimeoutSlots.mark(index)
      }
    }
  }

  /// Settles one thread.
  ///
  /// - Parameters:
  ///   - frame: its ucontext.
  ///   - shared: signals pending for the process that no thread has taken yet. A thread that does
  ///     not block one takes it: the kernel would have given it to that thread.
  ///   - tables: for what the program does at each signal; the actions must be captured, the
  ///     pending signals noted.
  ///   - ignored: signals of the agent itself.
  static func settle(
    frame: Address, _ thread: Thread, shared: inout UInt64, _ tables: SignalTables,
    ignoring ignored: UInt64
  ) -> Outcome {
    var context = Memory.load(ckernel_ucontext.self, at: frame)
    let stop = stop(context.context)
    guard stop.isAtCall || stop.isBehindCall else { return Outcome() }
    let open = ~context.mask & ~ignored
    let taken = tables.handled(shared & open, restarting: true)
    let pending = thread.pending & open | taken
    let decision = InterruptedCall.decide(
      stop, sample: thread.sample.line,
      handled: tables.handled(pending, restarting: true) != 0,
      handledWithoutRestart: tables.handled(pending, restarting: false) != 0
    ) { decodedNumber(stop) }
    if taken != 0 {
      shared &= ~taken
      tables.assign(taken, to: thread.identifier)
    }
    let outcome = apply(
      decision, stop, thread.sample, thread: thread.identifier, inStop: true, to: &context.context)
    Memory.store(context, at: frame)
    return outcome
  }

  /// Settles the frame of a thread that got the agent's signal in vain, for the thread itself.
  ///
  /// Without a sample, and leaving EINTR where a signal of the program is pending.
  @inline(never)
  static func settleWithoutSample(_ frame: Address) {
    var context = Memory.load(ckernel_ucontext.self, at: frame)
    let stop = stop(context.context)
    guard stop.isBehindCall else { return }
    let isExpected = PendingSignals.blocked & ~context.mask != 0
    let decision = InterruptedCall.decide(
      stop, sample: nil, handled: isExpected, handledWithoutRestart: isExpected
    ) { decodedNumber(stop) }
    _ = apply(
      decision, stop, .none, thread: OwnThread.identifier, inStop: false, to: &context.context)
    Memory.store(context, at: frame)
  }

  /// - Parameter inStop: whether all threads are parked, and the slots free to be used.
  private static func apply(
    _ decision: InterruptedCall.Decision, _ stop: InterruptedCall.Stop, _ sample: CallSample,
    thread: Int32, inStop: Bool, to context: inout ckernel_sigcontext
  ) -> Outcome {
    var outcome = Outcome()
    switch decision {
    case .leave:
      let isInterrupted = stop.isBehindCall && stop.result == -Int64(Errno.interrupted.rawValue)
      outcome.isLost = isInterrupted
      if !isInterrupted, stop.isAtCall { outcome.systemCall = stop.result }
    case .interrupted:
      context.rip &+= 2
      context.rax = UInt64(bitPattern: -Int64(Errno.interrupted.rawValue))
    case .again(let number):
      outcome.systemCall = number
      let seen = sample.line?.number == number ? sample.waited : 0
      if isOver(number, seen: seen, thread: thread, inStop: inStop, &context) {
        context.rax = UInt64(bitPattern: -Int64(Errno.tryAgain.rawValue))
        break
      }
      outcome.waited = shorten(number, seen: seen, thread: thread, inStop: inStop, &context)
      context.rip &-= 2
      context.rax = UInt64(bitPattern: number)
    }
    return outcome
  }

  // MARK: Code and stack of the program

  private static let syscallBytes: UInt16 = 0x050F

  private static func stop(_ context: ckernel_sigcontext) -> InterruptedCall.Stop {
    // Most often both instructions can be read at once.
    let around = peek(UInt32(0), at: context.rip &- 2)
    let before = around.map { UInt16(truncatingIfNeeded: $0) }
    let after = around.map { UInt16(truncatingIfNeeded: $0 >> 16) }
    return InterruptedCall.Stop(
      programCounter: context.rip, stackPointer: context.rsp,
      result: Int64(bitPattern: context.rax),
      isBehindCall: (before ?? peek(UInt16(0), at: context.rip &- 2)) == syscallBytes,
      isAtCall: (after ?? peek(UInt16(0), at: context.rip)) == syscallBytes)
  }

  /// What lies at `address`, `nil` when it can't be read.
  static func peek<T: BitwiseCopyable>(_ initial: T, at address: UInt64) -> T? {
    var value = initial
    let byteCount = UInt64(MemoryLayout<T>.size)
    let read = try? withAddress(of: &value) { (here) throws(Errno) in
      try Memory.readTolerantly(from: Address(address), to: here, byteCount: byteCount)
    }
    return read == byteCount ? value : nil
  }

  /// The number of the call that ended at the program counter, as far as the code tells.
  private static func decodedNumber(_ stop: InterruptedCall.Stop) -> Int64? {
    guard var code = peek(codeWindow, at: stop.programCounter &- UInt64(CallDecoder.reach + 2))
    else { return nil }
    let origin = decode(&code)
    switch origin {
    case .number(let number): return number
    case .unknown: return nil
    case .callersRegister, .outerCallersRegister, .callersStack: return callersNumber(stop, origin)
    }
  }

  /// Room for the code before a call or a return address.
  private static var codeWindow: InlineArray<14, UInt64> { InlineArray(repeating: 0) }

  private static func decode(_ code: inout InlineArray<14, UInt64>) -> CallDecoder.Origin {
    let origin = try? withAddress(of: &code) { (address) throws(Errno) in
      CallDecoder.origin(Memory.bytes(at: address, count: CallDecoder.reach))
    }
    return origin ?? .unknown
  }

  private static func callersNumber(
    _ stop: InterruptedCall.Stop, _ origin: CallDecoder.Origin
  ) -> Int64? {
    for word in 0..<UInt64(CallDecoder.stackWords) {
      let place = stop.stackPointer &+ word * 8
      guard let back = peek(UInt64(0), at: place) else { return nil }
      guard back >= pageByteCount, back < 1 << 47,
        var code = peek(codeWindow, at: back &- UInt64(CallDecoder.reach))
      else { continue }
      let above = peek(UInt64(0), at: place &+ 8) ?? 0
      let number = try? withAddress(of: &code) { (address) throws(Errno) in
        CallDecoder.handedOn(
          Memory.bytes(at: address, count: CallDecoder.reach), above: above, origin)
      }
      if let number, BlockingCall.endsInAnyHandler(number) { return number }
      // The nearest caller put it there, above the wrapper's own few words; what lies further up
      // belongs to others.
      if origin == .callersRegister, word >= 16 { return nil }
    }
    return nil
  }

  /// Whether the code makes the call again by itself.
  static func loops(_ programCounter: UInt64) -> Bool {
    let before = UInt64(CallDecoder.nearReach)
    var code = InlineArray<16, UInt64>(repeating: 0)
    let loops = try? withAddress(of: &code) { (address) throws(Errno) in
      let count = try Memory.readTolerantly(
        from: Address(programCounter &- 2 &- before), to: address, byteCount: 128)
      return CallDecoder.loops(
        Memory.bytes(at: address, count: Int(count)), call: CallDecoder.nearReach)
    }
    return loops ?? true
  }
}

extension ckernel_sigcontext {
  /// An argument of a system call, 0...5.
  ///
  /// Source: syscall(2), x86-64: rdi, rsi, rdx, r10, r8, r9.
  func argument(_ index: Int) -> UInt64 {
    switch index {
    case 0: rdi
    case 1: rsi
    case 2: rdx
    case 3: r10
    case 4: r8
    default: r9
    }
  }

  mutating func setArgument(_ index: Int, _ value: UInt64) {
    switch index {
    case 0: rdi = value
    case 1: rsi = value
    case 2: rdx = value
    case 3: r10 = value
    case 4: r8 = value
    default: r9 = value
    }
  }
}
