internal import CKernel
internal import Kernel
internal import KernelABI

/// Brings one thread to rest, and notes how it has to go on.
enum StoppedTask {
  /// Stops the thread between two instructions of the program, or in a system call that can be
  /// made again.
  ///
  /// A signal that it is about to take it takes first.
  static func reach(_ tracee: borrowing SeizedThread, of pid: Int32) throws(InjectFailure) {
    do throws(Errno) {
      try tracee.interrupt()
      while true {
        switch try tracee.wait() {
        case .trap(let isGroupStop):
          guard !isGroupStop, deliverable(tracee.tid, of: pid) else { return }
          try tracee.resume()
          try tracee.interrupt()
        case .signal(let signal):
          try tracee.interrupt()
          try tracee.resume(with: signal)
        case .executed:
          try tracee.interrupt()
          try tracee.resume()
        case .call: try tracee.resume()
        case .ended: throw .noSuchProcess
        }
      }
    } catch {
      throw failure(error, tracee.tid)
    }
  }

  /// What is needed to bring the thread back, as it stands.
  static func resumption(
    _ tracee: borrowing SeizedThread, of pid: Int32, _ memory: borrowing TargetMemory,
    sample: ThreadSample, slot: UInt64
  ) throws(InjectFailure) -> (resumption: ResumeRegisters, mask: UInt64) {
    do throws(Errno) {
      let mask = try tracee.mask()
      var stop = ResumeRegisters.Stop(registers: try tracee.registers())
      guard stop.registers.is64Bit else { throw Errno.notSupported }
      let status = status(of: tracee.tid, in: pid)
      stop.hasTemporaryMask = (status?.blocked ?? mask) != mask
      stop.hasPendingSignal = deliverable(tracee.tid, of: pid)
      stop.abortAddress = abortAddress(
        at: stop.registers.bits.rip, area: tracee.rseqArea(), memory)
      stop.waited = stop.registers.call == Int(sample.call) ? sample.waited : 0
      stop.timeout = stop.timeoutAddress.flatMap { time(at: $0, memory) }
      stop.slot = slot
      return (ResumeRegisters(stop), mask)
    } catch {
      throw error == .notSupported ? .foreign(pid) : failure(error, tracee.tid)
    }
  }

  private static func failure(_ errno: Errno, _ tid: Int32) -> InjectFailure {
    switch errno {
    case .noSuchProcess, .noChild: .ended(tid)
    case .timedOut: .doesNotStop(tid: tid, seconds: injectPatience / 1_000_000_000)
    default: .step(.registers, errno)
    }
  }

  private static func status(of tid: Int32, in pid: Int32) -> ProcessStatus? {
    (try? HostFiles.text(of: "/proc/\(pid)/task/\(tid)/status")).map { ProcessStatus($0) }
  }

  /// Whether a signal waits that the thread does not block.
  private static func deliverable(_ tid: Int32, of pid: Int32) -> Bool {
    guard let status = status(of: tid, in: pid) else { return false }
    return (status.pending | status.sharedPending) & ~status.blocked != 0
  }

  private static func time(
    at address: UInt64, _ memory: borrowing TargetMemory
  ) -> ckernel_timespec? {
    guard let bytes = try? memory.read(address, count: 16) else { return nil }
    return value(ckernel_timespec.self, in: bytes)
  }

  /// Where a thread that stands in a restartable sequence has to go: the kernel would send it there
  /// itself, if it saw it go on from where it stands.
  ///
  /// Source: `include/uapi/linux/rseq.h`; `kernel/rseq.c`, rseq_ip_fixup.
  private static func abortAddress(
    at place: UInt64, area: UInt64, _ memory: borrowing TargetMemory
  ) -> UInt64 {
    guard area != 0, let pointer = word(at: area &+ 8, memory), pointer != 0,
      let start = word(at: pointer &+ 8, memory), let count = word(at: pointer &+ 16, memory),
      place &- start < count, let abort = word(at: pointer &+ 24, memory)
    else { return 0 }
    return abort
  }

  private static func word(at address: UInt64, _ memory: borrowing TargetMemory) -> UInt64? {
    guard let bytes = try? memory.read(address, count: 8) else { return nil }
    return value(UInt64.self, in: bytes)
  }
}
