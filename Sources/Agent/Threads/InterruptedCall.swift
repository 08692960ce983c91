internal import KernelABI
internal import Procfs

/// What becomes of the system call that the stop signal came into.
///
/// The program must not notice. The kernel itself makes most calls again after a handler with
/// SA_RESTART; the others come out of it with EINTR, and are made again by taking the frame back to
/// the `syscall` instruction. But a signal of the program's own that waits to be delivered at the same
/// moment has a right to its EINTR, and would have lost it to our handler, which came first.
///
/// Pure decisions; `InterruptedCalls` acts on them.
enum InterruptedCall {
  /// The thread as its frame shows it.
  struct Stop: Equatable {
    var programCounter: UInt64
    var stackPointer: UInt64

    /// %rax: the result of the call, or its number when the kernel makes it again.
    var result: Int64

    /// Whether the two bytes before the program counter are `syscall`.
    var isBehindCall: Bool

    /// Whether the two bytes at the program counter are.
    var isAtCall: Bool
  }

  enum Decision: Equatable {
    case leave

    /// Back to the instruction, with the number in %rax.
    case again(Int64)

    /// Behind it, with EINTR in %rax.
    case interrupted
  }

  /// - Parameters:
  ///   - sample: what the thread was seen doing before.
  ///   - decoded: the number that the code itself tells, asked for when the sample does not fit.
  ///   - handled: whether a signal with a handler is pending and not blocked by the thread.
  ///   - handledWithoutRestart: whether that is so for one without SA_RESTART.
  static func decide(
    _ stop: Stop, sample: SystemCallLine?, handled: Bool, handledWithoutRestart: Bool,
    decoded: () -> Int64?
  ) -> Decision {
    if stop.isBehindCall, stop.result == -Int64(Errno.interrupted.rawValue) {
      guard !handled, let number = number(stop, sample, decoded),
        BlockingCall.endsInAnyHandler(number)
      else { return .leave }
      return .again(number)
    }
    guard stop.isAtCall, handledWithoutRestart, BlockingCall.restartsAfterHandler(stop.result)
    else { return .leave }
    return sample == nil || fits(sample, stop, behind: stop.programCounter &+ 2)
      ? .interrupted : .leave
  }

  private static func number(
    _ stop: Stop, _ sample: SystemCallLine?, _ decoded: () -> Int64?
  ) -> Int64? {
    guard let sample, fits(sample, stop, behind: stop.programCounter),
      sample.number != restartSystemCall
    else { return decoded() }
    return sample.number
  }

  /// restart_syscall(2): what a call becomes that SIGSTOP or a debugger stopped before.
  ///
  /// Its own number is known only to the code.
  private static let restartSystemCall: Int64 = 219

  /// Whether the thread still is where it was seen.
  private static func fits(
    _ sample: SystemCallLine?, _ stop: Stop, behind: UInt64
  ) -> Bool {
    guard let sample, sample.number >= 0 else { return false }
    return sample.programCounter == behind && sample.stackPointer == stop.stackPointer
  }
}
