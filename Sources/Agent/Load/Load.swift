internal import CKernel
internal import Kernel
internal import KernelABI

/// What happens when a program starts with the agent: read the environment, take the signals.
///
/// And, for periodic checkpoints, arm a timer. Nothing else: no thread, no allocation that stays, no
/// descriptor.
public func loadAgent() {
  _ = try? Agent.state.configuration.readEnvironment()
  _ = try? Signal.setAction(Handler.action, of: Agent.state.configuration.signal)
  if (try? Signal.action(of: Configuration.controlSignal))?.handler == 0 {
    _ = try? Signal.setAction(Handler.action, of: Configuration.controlSignal)
  }
  Agent.state.isLoaded = true
  Agent.state.ticker.start()
}
