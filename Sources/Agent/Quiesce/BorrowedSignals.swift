internal import CKernel
internal import Kernel
internal import KernelABI

/// Signals whose action the agent takes for the length of a stop, to reach threads that block its
/// own one.
///
/// glibc leaves 32 and 33 open even in threads that "block everything".
enum BorrowedSignals {
  /// The signals to try, best first.
  ///
  /// Our own second one, then those that queue: of the others a second one is lost.
  static let candidates: InlineArray<35, Int32> = [
    64, 33, 32, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54,
    55, 56, 57, 58, 59, 60, 61, 62, 63, 10, 12,
  ]

  /// A signal that a thread with this mask takes, `nil`: it blocks them all.
  static func reaching(_ mask: UInt64) -> Int32? {
    for index in candidates.indices where mask & Signal.bit(candidates[index]) == 0 {
      return candidates[index]
    }
    return nil
  }

  /// Takes `signal` over, once, until `giveBack`; the agent's own needs it too when the program
  /// has put its handler in the place of ours.
  static func borrow(_ signal: Int32) throws(Errno) {
    guard Agent.state.borrowed & Signal.bit(signal) == 0 else { return }
    let action = try Signal.action(of: signal)
    guard action.handler != Handler.address else { return }
    Agent.state.borrowedActions[Int(signal) - 1] = ActionBits(
      handler: action.handler, flags: action.flags, restorer: action.restorer, mask: action.mask)
    Agent.state.borrowed |= Signal.bit(signal)
    try Signal.setAction(Handler.action, of: signal)
  }

  /// Puts back the actions of all signals taken.
  static func giveBack() {
    for signal in 1...Signal.count where Agent.state.borrowed & Signal.bit(signal) != 0 {
      let action = Agent.state.borrowedActions[Int(signal) - 1]
      _ = try? Signal.setAction(
        ckernel_sigaction(
          handler: action.handler, flags: action.flags, restorer: action.restorer,
          mask: action.mask), of: signal)
    }
    Agent.state.borrowed = 0
  }

  /// Does with a signal that wasn't ours what the program would have done with it.
  static func pass(_ signal: Int32, _ information: UInt64, _ context: UInt64) {
    let action = Agent.state.borrowedActions[Int(signal) - 1]
    switch action.handler {
    case Signal.ignoreFlag: return
    case 0:
      // The default action is the kernel's to take: once ours is no longer there.
      _ = try? Signal.queue(
        Memory.load(at: Address(information)),
        process: Process.ownID,
        thread: OwnThread.identifier, signal: signal)
    default: Handler.call(action.handler, signal, information, context)
    }
  }
}
