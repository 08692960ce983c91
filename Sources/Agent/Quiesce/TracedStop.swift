internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// Stops a thread that no signal reaches, or that would take one for its own.
///
/// A helper that shares the memory traces the thread for a moment, opens its mask, and lets go of it when the
/// kernel has made the handler's frame; into that it puts the mask that the thread had. So such a thread
/// parks like any other, and the program has seen no signal. Stopped-world safe.
///
/// Where ptrace(2) is forbidden it throws; Yama lets us allow it.
enum TracedStop {
  /// What the helper is told, and tells; it lies in memory that both see.
  struct Job: BitwiseCopyable {
    var thread: Int32
    var process: Int32

    /// The request to stop.
    var request: ckernel_siginfo

    /// By CLOCK_MONOTONIC: until when the thread has to stand.
    var deadline: UInt64

    /// 0: the thread is about to be in the handler.
    var error = Errno.timedOut.rawValue

    /// The system call that it came from, exactly.
    var call = SystemCallLine(number: -1, stackPointer: 0, programCounter: 0)
  }

  private static let stackByteCount: UInt64 = 32 << 10

  /// Nanoseconds that the thread has to come to rest; one in an uninterruptible wait does not.
  private static let patience: UInt64 = 100_000_000

  /// - Returns: what the thread was doing.
  /// - Throws: `busy` for a thread that is at work in the agent.
  static func run(
    _ thread: Int32, of process: Int32, _ request: ckernel_siginfo, _ scratch: inout Arena
  ) throws(Errno) -> SystemCallLine {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    let stack = try scratch.reserve(stackByteCount, alignment: pageByteCount)
    guard let range = AddressRange(start: stack, byteCount: stackByteCount) else {
      throw .outOfMemory
    }
    var job = Job(
      thread: thread, process: process, request: request, deadline: Clock.monotonic + patience)
    // Fails where there is no Yama.
    Prctl.allowTracing(by: Prctl.anyProcess)
    defer { Prctl.allowTracing(by: 0) }
    let place = try scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    Memory.store(job, at: place)
    HelperProcess.reap(
      try HelperProcess.start(
        HelperProcess.Options(.untilEnd | .untraced, stack: range), agentTracer, place))
    job = Memory.load(at: place)
    guard job.error == 0 else { throw Errno(rawValue: job.error) }
    return job.call
  }

  // MARK: In the helper

  fileprivate static func work(_ place: Address) {
    var job = Memory.load(Job.self, at: place)
    do throws(Errno) {
      try stop(&job)
      job.error = 0
    } catch {
      job.error = error.rawValue
    }
    Memory.store(job, at: place)
  }

  private static func stop(_ job: inout Job) throws(Errno) {
    let tracer = try ThreadTracer(job.thread, deadline: job.deadline)
    try tracer.interrupt()
    guard try tracer.awaitRest() else { throw .noSuchProcess }
    var registers = try tracer.registers()
    guard !isOwnCode(registers.rip) else {
      tracer.release()
      throw .busy
    }
    job.call = SystemCallLine(registers)
    let mask = try tracer.mask()
    try tracer.setMask(mask & ~Signal.bit(job.request.signal))
    try Signal.queue(
      job.request, process: job.process, thread: job.thread, signal: job.request.signal)
    try tracer.enterHandler(of: job.request.signal)
    registers = try tracer.registers()
    // The third argument of the handler.
    let context = Address(registers.rdx)
    var frame = Memory.load(ckernel_ucontext.self, at: context)
    frame.mask = mask
    Memory.store(frame, at: context)
    tracer.release()
  }

  private static func isOwnCode(_ place: UInt64) -> Bool {
    place >= ckernel_own_start() && place < ckernel_own_code_end()
  }
}

extension SystemCallLine {
  /// The call that a stopped thread came from, by its registers.
  fileprivate init(_ registers: ckernel_user_regs) {
    self.init(
      number: Int64(bitPattern: registers.orig_rax), stackPointer: registers.rsp,
      programCounter: registers.rip)
    arguments = [
      registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9,
    ]
  }
}

/// Begins on its own stack, in the program's memory; stops one thread and ends.
@c(agent_tracer)
func agentTracer(_ job: UInt64) {
  TracedStop.work(Address(job))
  exitThread()
}
