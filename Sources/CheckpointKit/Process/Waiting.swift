internal import Kernel
internal import KernelABI

/// A process that can be waited for though it is no child.
///
/// Source: pidfd_open(2).
struct ProcessHandle: ~Copyable {
  let descriptor: FileDescriptor

  init(_ pid: Int32) throws(Errno) {
    descriptor = FileDescriptor(
      adopting: Int32(try systemCall(SyscallNumber.pidfdOpen, Int(pid), 0)))
  }
}

/// Signals that would end this command come as messages, so that it can clean up first.
///
/// Source: signalfd(2).
struct Interruptions: ~Copyable {
  let descriptor: FileDescriptor

  /// SIGHUP, SIGINT and SIGTERM.
  private static let ending: UInt64 = 1 << 0 | 1 << 1 | 1 << 14
  private static let quit: UInt64 = 1 << 2

  /// The signals that were blocked before: whoever else waits for them goes on.
  private let before: UInt64

  /// - Parameter withQuit: whether SIGQUIT is one of them.
  init(withQuit: Bool = false) throws(Errno) {
    var set = withQuit ? Self.ending | Self.quit : Self.ending
    var before: UInt64 = 0
    descriptor = try withAddress(of: &set) { set throws(Errno) in
      _ = try withAddress(of: &before) { before throws(Errno) in
        try systemCall(SyscallNumber.rtSigprocmask, 0, set.argument, before.argument, 8)
      }
      return try systemCall(SyscallNumber.signalfd4, -1, set.argument, 8, 0o2000000)
    }.adopted
    self.before = before
  }

  /// The signal that came.
  borrowing func next() throws(Errno) -> Int32 {
    var record = [UInt8](repeating: 0, count: 128)
    let number = Int(descriptor.number)
    _ = try withAddress(ofMutableBytes: &record) { address throws(Errno) in
      try systemCall(SyscallNumber.read, number, address.argument, 128)
    }
    return value(Int32.self, in: record) ?? 0
  }

  deinit {
    var set = before
    _ = try? withAddress(of: &set) { set throws(Errno) in
      try systemCall(SyscallNumber.rtSigprocmask, 2, set.argument, 0, 8)
    }
  }
}

extension Int {
  fileprivate var adopted: FileDescriptor { FileDescriptor(adopting: Int32(self)) }
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
        try systemCall(
          SyscallNumber.poll, address.argument, wanted.count,
          Int(min(milliseconds, 3_600_000)))
      }
      return wanted.indices.map { (value(Int16.self, in: records, at: $0 * 8 + 6) ?? 0) != 0 }
    } catch {
      guard error == .interrupted else { throw error }
    }
  }
}

/// CLOCK_MONOTONIC, in nanoseconds.
public func monotonicTime() -> UInt64 {
  var time = [UInt8](repeating: 0, count: 16)
  _ = try? withAddress(ofMutableBytes: &time) { address throws(Errno) in
    try systemCall(SyscallNumber.clockGettime, 1, address.argument)
  }
  let seconds = value(UInt64.self, in: time) ?? 0
  return seconds &* 1_000_000_000 &+ (value(UInt64.self, in: time, at: 8) ?? 0)
}

/// Bits from the kernel's generator.
///
/// Source: getrandom(2).
func randomBits() throws(Errno) -> UInt64 {
  var bits: UInt64 = 0
  _ = try withAddress(of: &bits) { address throws(Errno) in
    try systemCall(SyscallNumber.getrandom, address.argument, 8, 0)
  }
  return bits
}

/// Queues a signal with a value to one thread.
///
/// Source: rt_tgsigqueueinfo(2), si_code SI_QUEUE.
func queueSignal(
  _ signal: Int, value: UInt64, to tid: Int32, of pid: Int32
) throws(Errno) {
  let own = Int32(rawSystemCall(SyscallNumber.getpid))
  let user = UInt32(rawSystemCall(SyscallNumber.getuid))
  var information =
    bytes(of: Int32(signal)) + bytes(of: Int32(0)) + bytes(of: Int32(-1)) + bytes(of: Int32(0))
  information += bytes(of: own) + bytes(of: user) + bytes(of: value)
  information += [UInt8](repeating: 0, count: 128 - information.count)
  try withAddress(ofBytes: information) { address throws(Errno) in
    _ = try systemCall(
      SyscallNumber.rtTgsigqueueinfo, Int(pid), Int(tid), signal, address.argument)
  }
}
