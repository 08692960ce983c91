internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// What happens when the agent comes into a program that runs already.
///
/// The program may use every signal (Go takes all there are when it starts). The one for people is
/// taken where the program has no use for it, or was asked for; the control signal always, and
/// whatever is none of the agent's goes on to the handler that was there.
///
/// - Parameter record: where a `ckpt_injection` lies, which gets the result.
public func injectAgent(_ record: UInt64) {
  let address = Address(record)
  var order = Memory.load(ckpt_injection.self, at: address)
  guard order.version == CKPT_INJECTION_VERSION else { return }
  let first = address + UInt64(MemoryLayout<ckpt_injection>.size)
  let settings = Memory.bytes(at: first, count: Int(order.setting_bytes))
  let isFirst = !Agent.state.isLoaded
  if isFirst { _ = try? Agent.state.configuration.readEnvironment() }
  Agent.state.configuration.parse(settings)
  Agent.state.isLoaded = true
  if SignalTaking.takeTrigger(insists: SignalTaking.names(settings)) {
    order.result |= CKPT_INJECTION_TRIGGER
  }
  if SignalTaking.takeControl() { order.result |= CKPT_INJECTION_CONTROL }
  if isFirst { Agent.state.ticker.start() }
  order.result |= CKPT_INJECTION_DONE
  Memory.store(order, at: address)
}

/// Which signals an injected agent takes from the program.
enum SignalTaking {
  /// Whether the settings choose a signal.
  static func names(_ settings: RawSpan) -> Bool {
    var chosen = Configuration()
    chosen.signal = 0
    chosen.parse(settings)
    return chosen.signal != 0
  }

  /// - Parameter insists: also one that the program uses.
  /// - Returns: whether it is the agent's.
  static func takeTrigger(insists: Bool) -> Bool {
    let signal = Agent.state.configuration.signal
    guard let action = try? Signal.action(of: signal) else { return false }
    if action.handler == Handler.address { return true }
    guard insists || action.handler == 0 else { return false }
    return (try? Signal.setAction(Handler.action, of: signal)) != nil
  }

  /// Takes the control signal, and keeps the program's handler for what isn't the agent's.
  ///
  /// - Returns: whether it is the agent's.
  static func takeControl() -> Bool {
    let signal = Configuration.controlSignal
    guard let action = try? Signal.action(of: signal) else { return false }
    if action.handler == Handler.address { return true }
    Agent.state.passedAction = ActionBits()
    if action.handler > Signal.ignoreFlag {
      Agent.state.passedAction = ActionBits(
        handler: action.handler, flags: action.flags, restorer: action.restorer,
        mask: action.mask)
    }
    return (try? Signal.setAction(Handler.action, of: signal)) != nil
  }

  /// Gives a signal that isn't the agent's to the handler that was there before.
  ///
  /// - Returns: false when there was none.
  static func pass(
    _ signal: Int32, _ info: ckernel_siginfo, _ information: UInt64, _ context: UInt64
  ) -> Bool {
    let handler = Agent.state.passedAction.handler
    guard handler != 0, signal == Configuration.controlSignal, !isOurs(info) else { return false }
    Handler.call(handler, signal, information, context)
    return true
  }

  private static func isOurs(_ info: ckernel_siginfo) -> Bool {
    Ticker.isTick(info)
      || info.code == Signal.queued && info.value >> 48 == UInt64(CKPT_PROTOCOL_TOKEN_TAG)
  }
}
