internal import CKernel
internal import Kernel
internal import KernelABI

/// A process that can be waited for though it is no child.
///
/// Source: pidfd_open(2).
struct ProcessHandle: ~Copyable {
  let descriptor: FileDescriptor

  init(_ pid: Int32) throws(Errno) {
    descriptor = FileDescriptor(adopting: try Events.openProcess(pid))
  }
}

/// Signals that would end this command come as messages, so that it can clean up first.
///
/// Source: signalfd(2).
struct Interruptions: ~Copyable {
  let descriptor: FileDescriptor

  private static let ending =
    Signal.bit(Signal.hangUp) | Signal.bit(Signal.interrupt) | Signal.bit(Signal.terminate)
  private static let quit = Signal.bit(Signal.quit)

  /// The signals that were blocked before: whoever else waits for them goes on.
  private let before: UInt64

  /// - Parameter withQuit: whether SIGQUIT is one of them.
  init(withQuit: Bool = false) throws(Errno) {
    let set = withQuit ? Self.ending | Self.quit : Self.ending
    before = Signal.block(set)
    descriptor = FileDescriptor(adopting: try Events.makeSignalReader(mask: set))
  }

  /// The signal that came.
  borrowing func next() throws(Errno) -> Int32 {
    var record = InlineArray<32, Int32>(repeating: 0)
    _ = try Files.read(descriptor.number, into: &record)
    return record[0]
  }

  deinit { Signal.setMask(before) }
}

/// Waits until one of the descriptors has something to read.
///
/// - Returns: which of them do, in their order; none when the time is over.
///
/// Source: poll(2).
func waitReadable(_ descriptors: [Int32], until deadline: UInt64) throws(Errno) -> [Bool] {
  try waitReady(descriptors.map { ($0, Descriptors.Poll.input) }, until: deadline)
}

/// Waits until one of the descriptors is ready for what is wanted of it; -1 never is.
///
/// - Returns: which of them are, or have failed, in their order; none when the time is over.
///
/// Source: poll(2).
func waitReady(
  _ wanted: [(descriptor: Int32, events: Int16)], until deadline: UInt64
) throws(Errno) -> [Bool] {
  while true {
    let now = monotonicTime()
    let milliseconds = deadline > now ? (deadline - now + 999_999) / 1_000_000 : 0
    var records: [UInt8] = []
    for entry in wanted {
      records += bytes(of: entry.descriptor)
      records += bytes(of: entry.events)
      records += [0, 0]
    }
    do throws(Errno) {
      _ = try withAddress(ofMutableBytes: &records) { address throws(Errno) in
        try PollEntry.wait(
          at: address, count: wanted.count, milliseconds: Int(min(milliseconds, 3_600_000)))
      }
      return wanted.indices.map { (value(Int16.self, in: records, at: $0 * 8 + 6) ?? 0) != 0 }
    } catch {
      guard error == .interrupted else { throw error }
    }
  }
}

/// CLOCK_MONOTONIC, in nanoseconds.
public func monotonicTime() -> UInt64 { Clock.monotonic }

/// Bits from the kernel's generator.
///
/// Source: getrandom(2).
func randomBits() throws(Errno) -> UInt64 { try Random.word() }

/// Queues a signal with a value to one thread.
///
/// Source: rt_tgsigqueueinfo(2), si_code SI_QUEUE.
func queueSignal(
  _ signal: Int, value: UInt64, to tid: Int32, of pid: Int32
) throws(Errno) {
  var information = ckernel_siginfo()
  information.signal = Int32(signal)
  information.code = Signal.queued
  information.pid = Process.ownID
  information.uid = OwnIDs.realUser
  information.value = value
  try Signal.queue(information, process: pid, thread: tid, signal: Int32(signal))
}
