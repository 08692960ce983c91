internal import CImage
internal import Kernel
internal import KernelABI

/// The signals and timers of the process: what the image's notes hold, and what wakes with it.
///
/// Lies in memory that is saved. The threads append to `pending` at the same time, so its count is a
/// word of its own until the leader has them all.
struct SignalTables: BitwiseCopyable {
  var actions: Table<ckpt_signal_action>
  private(set) var pending: Table<ckpt_pending_signal>
  var timers: Table<ckpt_timer>

  /// How many records of `pending` threads have asked for; may exceed the capacity.
  let claimed: FutexWord

  /// Enough for what anyone leaves undelivered; a checkpoint that meets more is refused.
  static let pendingCapacity = 1024

  /// A process may have more; then too the checkpoint is refused.
  static let timerCapacity = 1024

  init(in keep: inout Arena) throws(Errno) {
    actions = try Table(in: &keep, capacity: Int(Signal.count))
    pending = try Table(in: &keep, capacity: Self.pendingCapacity)
    timers = try Table(in: &keep, capacity: Self.timerCapacity)
    claimed = FutexWord(at: try keep.reserve(4))
    claimed.store(0)
  }

  /// Forgets what an earlier checkpoint noted.
  mutating func removeAll() {
    actions.removeAll()
    pending.removeAll()
    timers.removeAll()
    claimed.store(0)
  }

  /// Where one more pending signal goes, `nil` when the table is full.
  func claim() -> Address? {
    let index = Int(claimed.add(1)) - 1
    return index < pending.capacity ? pending.address(of: index) : nil
  }

  /// Makes the records that the threads laid down part of the table.
  ///
  /// - Throws: `outOfMemory` when there were too many.
  mutating func adopt() throws(Errno) {
    let count = Int(claimed.value)
    guard count <= pending.capacity else { throw .outOfMemory }
    let laidDown = pending.covering(count)
    pending.removeAll()
    for index in 0..<count where laidDown[index].signal != 0 {
      try pending.append(laidDown[index])
    }
    claimed.store(UInt32(pending.count))
  }
}
