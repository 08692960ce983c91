internal import Kernel
internal import KernelABI

/// A lock that is held for a few instructions, by a thread that takes no signal meanwhile.
///
/// So whoever holds it is never stopped for a checkpoint, and no image has it held: the stopped world and
/// the clone may look at what it guards. A child that was forked meanwhile opens it again
/// (`Trigger.forgetParent`).
enum ShortLock {
  /// Runs `body` while no other thread does so by the same word.
  @inline(__always)
  static func with<R>(_ word: FutexWord, _ body: () -> R) -> R {
    let mask = Signal.setMask(UInt64.max)
    while !word.exchange(0, for: 1) { Scheduling.yield() }
    let result = body()
    word.store(0)
    _ = Signal.setMask(mask)
    return result
  }
}
