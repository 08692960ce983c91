internal import Kernel
internal import KernelABI
internal import Procfs

/// What a thread was doing just before it was told to stop.
struct CallSample: BitwiseCopyable {
  /// `nil`: it ran, or nobody looked.
  var line: SystemCallLine?

  /// Nanoseconds that it had waited at least, 0: not known.
  var waited: UInt64 = 0

  static let none = CallSample(line: nil, waited: 0)
}

/// Looks at other threads before they are stopped; for the leader.
struct CallSampler: ~Copyable {
  /// Room for the text of a file under /proc/self/task/TID: the longest needs under 2 KiB.
  private let text: Address
  private static let textByteCount: UInt64 = 2048

  private var clocks: TaskClocks

  /// /proc/self/task, open: from there it is half as far to a thread's files.
  var tasks: Int32 = -1

  /// - Parameter scratch: 20 KiB are taken from it, to be given back when the sampler is gone.
  init(in scratch: inout Arena) throws(Errno) {
    let text = try scratch.reserve(Self.textByteCount)
    let clocks = try TaskClocks(in: &scratch)
    self.text = text
    self.clocks = clocks
  }

  /// Looks at a thread: 5 µs, and 200 more for the first of each CPU that waits for a time.
  ///
  /// Call it as late as can be before the thread is signalled.
  ///
  /// - Precondition: `tasks` is set.
  mutating func sample(_ thread: Int32) -> CallSample {
    guard let count = read(thread, "/syscall"),
      let line = SystemCallLine(Memory.bytes(at: text, count: count)), line.number >= 0
    else { return .none }
    var sample = CallSample(line: line, waited: 0)
    if BlockingCall.timeout(of: line.number, { line.arguments[$0] }) != nil {
      sample.waited = waited(thread)
    }
    return sample
  }

  /// How long the thread has not run, by the clock of the CPU it ran on.
  ///
  /// Those clocks stand still while the CPU serves interrupts or the host runs others, each its
  /// own time: measured, two were 28 ms apart. So only times of one CPU are compared, and
  /// what comes out is never more than the truth.
  private mutating func waited(_ thread: Int32) -> UInt64 {
    guard let statCount = read(thread, "/stat"),
      let stat = ProcessStat(Memory.bytes(at: text, count: statCount)),
      let schedCount = read(thread, "/sched"),
      let lastRun = SchedulerState.lastRun(Memory.bytes(at: text, count: schedCount)),
      let now = clocks.now(of: stat.processor), now > lastRun
    else { return 0 }
    return now - lastRun
  }

  private func read(_ thread: Int32, _ name: StaticString) -> Int? {
    var path = Line()
    path.append(decimal: Int64(thread))
    path.append(name)
    let text = text
    let tasks = tasks
    let count = try? path.withPath { (path) throws(Errno) in
      let file = try FileDescriptor(path: path, in: tasks, .readOnly)
      // One read gets all of it: the kernel prints it as one record (`fs/seq_file.c`).
      return try file.read(to: text, byteCount: Self.textByteCount)
    }
    return count.map { Int($0) }
  }
}
