internal import Kernel
internal import KernelABI
internal import Procfs

/// The task clocks of the CPUs, which only who runs there can read.
///
/// A helper process goes there: sharing our memory, invisible to `wait`, and not a thread of ours,
/// since setting our own affinity, even back to what it was, changes what the kernel does with us when
/// CPUs come and go. It lives for about 0.1 ms. Where it can't be made, the clock is not known.
struct TaskClocks: BitwiseCopyable {
  /// CPUs whose clock is kept; threads on others have waited for an unknown time.
  private static let capacity = 64
  private static let stackByteCount: UInt64 = 16384

  private var clocks: Table<Reading>
  private let stack: Address

  private struct Reading: BitwiseCopyable {
    var processor: Int32
    var nanoseconds: UInt64
  }

  init(in scratch: inout Arena) throws(Errno) {
    clocks = try Table(in: &scratch, capacity: Self.capacity)
    stack = try scratch.reserve(Self.stackByteCount)
  }

  /// The time on a CPU when it was first asked for: later is the truth, never earlier.
  ///
  /// - Returns: `nil` when it can't be learned.
  mutating func now(of processor: Int32) -> UInt64? {
    for index in 0..<clocks.count where clocks[index].processor == processor {
      return known(clocks[index].nanoseconds)
    }
    let nanoseconds = visit(processor)
    _ = try? clocks.append(Reading(processor: processor, nanoseconds: nanoseconds))
    return known(nanoseconds)
  }

  private func known(_ nanoseconds: UInt64) -> UInt64? { nanoseconds == 0 ? nil : nanoseconds }

  /// - Returns: 0 when something is in the way.
  private func visit(_ processor: Int32) -> UInt64 {
    // The helper's message lies at the low end of its stack: CPU, then the answer.
    Memory.store(UInt64(UInt32(bitPattern: processor)), at: stack)
    Memory.store(UInt64(0), at: stack + 8)
    guard let range = AddressRange(start: stack, byteCount: Self.stackByteCount),
      let child = try? HelperProcess.start(
        HelperProcess.Options(.fileSystem | .files | .untilEnd | .untraced, stack: range),
        helperBody, stack)
    else { return 0 }
    HelperProcess.reap(child)
    return Memory.load(UInt64.self, at: stack + 8)
  }
}

/// What the helper does, on its own stack: moves to the CPU, reads its own clock, ends.
private func helperBody(_ message: UInt64) {
  let message = Address(message)
  let processor = Memory.load(UInt64.self, at: message)
  if let nanoseconds = try? ownClock(on: processor) {
    Memory.store(nanoseconds, at: message + 8)
  }
  exitThread()
}

private func ownClock(on processor: UInt64) throws(Errno) -> UInt64 {
  guard processor < 8192 else { throw .invalid }
  var set = InlineArray<128, UInt64>(repeating: 0)
  set[Int(processor / 64)] = 1 << (processor % 64)
  try withAddress(of: &set) { (address) throws(Errno) in
    try Scheduling.setAffinity(at: address, byteCount: 1024)
  }
  let file = try FileDescriptor("/proc/thread-self/sched", .readOnly)
  var text = InlineArray<256, UInt64>(repeating: 0)
  let clock = try withAddress(of: &text) { (address) throws(Errno) in
    let count = try file.readToEnd(to: address, capacity: 2048)
    return SchedulerState.lastRun(Memory.bytes(at: address, count: Int(count)))
  }
  guard let clock else { throw .invalid }
  return clock
}
