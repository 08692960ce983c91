internal import Kernel

/// A thread that waits in a call with a time-out which the agent made again.
///
/// Nobody sees how long the thread has waited that the trigger itself lands on. But when it is
/// interrupted in the same call a second time, and did not wait elsewhere since it went back to it,
/// then all the time that it didn't run was spent waiting there. So a time-out starts over once,
/// not with every checkpoint: under a short `CKPT_INTERVAL` a long sleep would never end.
///
/// That it is the same call shows in its arguments: the time-out is marked, see `InterruptedCalls`.
struct RemadeCall: BitwiseCopyable {
  /// TID, 0: the entry is free.
  var thread: Int32 = 0

  /// When the thread last left the agent's handler.
  var since = ThreadTimes.none

  /// Nanoseconds that it had waited when it came into the handler, 0: not known.
  var waited: UInt64 = 0

  /// Nanoseconds that it had waited in the call before that, where no argument could be shortened.
  var earlier: UInt64 = 0

  /// How long a thread waited in the call that it went back to at `start`, at least.
  ///
  /// Between `start` and the call lie a few instructions. If the thread neither waited nor lost
  /// its CPU there, then they took none but its own time; the host may have stopped the CPU
  /// in that moment, for which an eighth, at most 5 ms, is left out.
  static func waited(from start: ThreadTimes, to end: ThreadTimes) -> UInt64 {
    guard start.moment != 0, end.moment > start.moment,
      end.preemptions == start.preemptions, end.waits &- start.waits <= 1
    else { return 0 }
    let elapsed = end.moment - start.moment
    let ran = end.processor &- start.processor
    guard ran < elapsed else { return 0 }
    let idle = elapsed - ran
    return idle - min(idle / 8, 5_000_000)
  }
}
