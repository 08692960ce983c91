internal import Kernel

/// The gate that parked threads wait at.
enum Gate {
  /// Begins a stop: requests with the new epoch are good from now on.
  ///
  /// Arrivals and departures are never counted anew: a thread with an old request may be between
  /// the two at any time.
  static func close() {
    var epoch = (Agent.state.epoch &+ 1) & 0xFFFF
    if epoch == 0 { epoch = 1 }
    Agent.state.epoch = epoch
    Agent.parked.store(0)
    Agent.errands.store(0)
    Agent.gate.store(epoch)
  }

  /// Lets the parked threads go, and waits until none of them uses the agent's memory.
  ///
  /// A thread that arrives later finds its request stale.
  ///
  /// - Parameter errands: `Park.Errand` bits, besides those that are set already.
  static func open(errands: UInt32) {
    Agent.errands.store(Agent.errands.value | errands)
    Agent.gate.store(0)
    Agent.gate.wakeAll()
    while true {
      let departed = Agent.departed.value
      if departed == Agent.arrived.value { return }
      Agent.departed.wait(while: departed)
    }
  }
}
