internal import CImage
internal import Kernel
internal import KernelABI

/// What the woken agent tells `restart` through the status pipe.
enum WakeReport {
  /// Raw values are part of the handoff: append, never renumber.
  enum Step: UInt32 {
    case handoff = 1
    case cloneThread = 2  // subject: TID
    case securebits = 3  // of some thread
    case restoreState = 4  // subject: RestoreLosses
  }

  /// The program is about to run: 4 zero bytes, then the end of the pipe.
  ///
  /// - Parameter losses: what could not be put back, which is said in the program's own errors.
  static func succeed(_ handoff: ckpt_handoff, _ losses: RestoreLosses) {
    var zero: UInt32 = 0
    write(&zero, handoff)
    closeDescriptor(handoff.status_descriptor)
    guard losses != .none else { return }
    var line = Line("ckpt: restarted, but not as it was: ")
    losses.describe(in: &line)
    line.append("\n")
    line.write(to: 2)
  }

  /// Ends the process when something is missing that the program can't do without.
  static func check(_ losses: RestoreLosses, _ handoff: ckpt_handoff) {
    let missing = losses.rawValue & RestoreLosses.fatal.rawValue
    if missing != 0 { fail(.restoreState, handoff, .none, subject: UInt64(missing)) }
  }

  /// Ends the process: no instruction of the program has run.
  static func fail(
    _ step: Step, _ handoff: ckpt_handoff, _ errno: Errno, subject: UInt64
  ) -> Never {
    var failure = ckpt_failure(
      step: step.rawValue, error: errno.rawValue, subject: subject, detail: 0)
    write(&failure, handoff)
    exitGroup(status: 70)
  }

  private static func write<T: BitwiseCopyable>(_ record: inout T, _ handoff: ckpt_handoff) {
    _ = try? Files.write(handoff.status_descriptor, record)
  }
}
