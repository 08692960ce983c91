internal import CImage
internal import Kernel
internal import KernelABI

/// What the agent finds in its kept memory when it wakes up in a restarted process.
///
/// Lies at the front of the `keep` arena, which is saved like any other memory of the program.
struct WakeState: BitwiseCopyable {
  /// All of the arena, to be unmapped when the last thread has left it.
  var arena = AddressRange.empty

  /// Where `restart` says what it did.
  var handoff: Address
  var stackTop: Address

  var threads: Table<ckpt_thread>

  /// One for each thread: what it was doing when it was asked to stop.
  var samples: Table<CallSample>

  /// One for each thread: what prctl(2) keeps of it.
  var attributes: Table<ThreadAttributes>

  /// Signals pending for each thread alone.
  var pendingSets: Table<UInt64>
  var signals: SignalTables
  var process: ProcessState

  /// The TIDs that the threads have after a restart, in the order of `threads`.
  var current: Table<Int32>

  /// What threads could not put back: bits of `RestoreLosses`.
  let losses: FutexWord

  /// What `ckpt_detail`s point to.
  var details: ByteTable

  /// Index in `threads` of the one that took the checkpoint.
  var leader = 0

  /// Room for this many threads, the kernel's own default limit being 32,768 and more.
  private static let threadCapacity = 1 << 17
  private static let detailCapacity: UInt64 = 12 << 20
  private static let wakeStackByteCount: UInt64 = 64 << 10

  /// Bytes of address space; only what is touched costs memory.
  static let arenaByteCount: UInt64 = 96 << 20

  /// Lays an empty root at the front of `arena`.
  ///
  /// - Throws: `outOfMemory` when the arena had to be made too small.
  init(in arena: inout Arena) throws(Errno) {
    _ = try arena.reserve(UInt64(MemoryLayout<WakeState>.size))
    handoff = try arena.reserve(UInt64(MemoryLayout<ckpt_handoff>.size))
    let stack = try arena.reserve(Self.wakeStackByteCount, alignment: pageByteCount)
    stackTop = stack + Self.wakeStackByteCount
    losses = FutexWord(at: try arena.reserve(4))
    losses.store(0)
    signals = try SignalTables(in: &arena)
    process = try ProcessState(in: &arena)
    // A small arena, where limits are tight, holds fewer threads.
    let share = arena.free / 8
    details = try ByteTable(in: &arena, capacity: min(Self.detailCapacity, share))
    let room = Int(min(UInt64(Self.threadCapacity), share * 3 / UInt64(Self.bytesPerThread)))
    threads = try Table(in: &arena, capacity: room)
    samples = try Table(in: &arena, capacity: room)
    attributes = try Table(in: &arena, capacity: room)
    pendingSets = try Table(in: &arena, capacity: room)
    current = try Table(in: &arena, capacity: room)
    self.arena = arena.range
  }

  private static var bytesPerThread: Int {
    MemoryLayout<ckpt_thread>.stride + MemoryLayout<CallSample>.stride
      + MemoryLayout<ThreadAttributes>.stride + 12
  }

  /// The root of the stop that is on, or of the image that wakes up.
  static var published: WakeState { Memory.load(at: Address(Agent.state.wakeState)) }

  /// Forgets the threads and signals of an earlier try to stop them.
  mutating func removeThreads() {
    threads.removeAll()
    samples.removeAll()
    attributes.removeAll()
    pendingSets.removeAll()
    signals.removeAll()
  }

  /// Adds what a thread could not put back.
  func note(_ losses: RestoreLosses) {
    guard losses != .none else { return }
    var known = self.losses.value
    while !self.losses.exchange(known, for: known | losses.rawValue) { known = self.losses.value }
  }

  /// Makes this root the current one, as it is now.
  func publish() {
    Memory.store(self, at: arena.start)
    Agent.state.wakeState = arena.start.rawValue
  }
}
