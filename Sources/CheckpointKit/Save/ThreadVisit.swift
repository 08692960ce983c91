internal import Kernel
internal import KernelABI

/// A thread stopped for a look, which goes on as if it had not been.
enum ThreadVisit {
  /// Stops a thread, and lets it go on afterwards.
  ///
  /// - Returns: what `look` gave, `nil` when the thread can't be traced or does not stop.
  static func run<R>(
    _ tid: Int32, of pid: Int32, _ look: (borrowing SeizedThread) -> R
  ) -> R? {
    let sample = ThreadSample.read(tid, of: pid)
    guard let tracee = try? SeizedThread(tid, waiting: visitPatience) else { return nil }
    do throws(InjectFailure) { try StoppedTask.reach(tracee, of: pid) } catch { return nil }
    let result = look(tracee)
    putBack(tracee, of: pid, sample: sample)
    return result
  }

  /// Sees to it that a system call which the stop cut short is made again.
  static func putBack(_ tracee: borrowing SeizedThread, of pid: Int32, sample: ThreadSample) {
    guard let memory = try? TargetMemory(tracee.tid),
      let stop = try? StoppedTask.resumption(tracee, of: pid, memory, sample: sample, slot: 0)
    else { return }
    _ = try? tracee.setRegisters(stop.resumption.native)
  }
}

/// Nanoseconds that a thread has to come to rest for a look.
private let visitPatience: UInt64 = 1_000_000_000
