internal import CKernel
internal import Kernel
internal import KernelABI

/// The agent's signal handler: a thread is asked to checkpoint the process, or to stop.
///
/// Runs on whatever stack the thread has, perhaps a small one: all it does there is to note its
/// state and to wait.
@c(agent_handle_signal)
func agentHandleSignal(_ signal: Int32, _ information: UInt64, _ context: UInt64) {
  RemadeCalls.arrive()
  defer { RemadeCalls.leave() }
  let info = Memory.load(ckernel_siginfo.self, at: Address(information))
  if let request = StopRequest(info) {
    if !Park.answer(request, context: Address(context)) {
      InterruptedCalls.settleWithoutSample(Address(context))
    }
  } else if OwnCall.isOwn(info) {
    Trigger.take(information: Address(information), context: Address(context), isCall: true)
  } else if !SignalTaking.pass(signal, info, information, context) {
    if Agent.state.configuration.isTrigger(signal),
      Agent.state.borrowed & Signal.bit(signal) == 0
    {
      Trigger.take(information: Address(information), context: Address(context))
    } else {
      BorrowedSignals.pass(signal, information, context)
    }
  }
}

/// A leader's request to a thread, carried by the value of a queued signal: note your state in a
/// slot, and wait.
struct StopRequest {
  /// The stop it belongs to.
  let epoch: UInt32

  /// The thread's place in the table of threads.
  let index: Int

  /// Top 16 bits of the values that the leader queues; differs from the control socket's.
  private static let tag: UInt64 = 0x57C9

  /// - Returns: `nil` when the signal is something else.
  init?(_ info: ckernel_siginfo) {
    guard info.code == Signal.queued, info.value >> 48 == Self.tag,
      info.pid == Process.ownID
    else { return nil }
    epoch = UInt32(truncatingIfNeeded: info.value >> 32) & 0xFFFF
    index = Int(info.value & 0xFFFF_FFFF)
  }

  /// The value that asks the thread in slot `index` to stop.
  static func value(epoch: UInt32, index: Int) -> UInt64 {
    tag << 48 | UInt64(epoch & 0xFFFF) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
  }
}
