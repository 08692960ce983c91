internal import CKernel
internal import Kernel
internal import KernelABI

/// "Not now": while a deferral is on, whoever asks for a checkpoint waits.
///
/// The deferrals are counted for the whole process. A leader looks at the number after it has the lead, and whoever
/// defers looks whether there is a leader after it has counted: one of them sees the other.
enum Deferral {
  /// What came while checkpoints were deferred.
  enum Waiting {
    case none

    /// A signal, or the agent's timer.
    case trigger

    /// `ckpt save`, which listens at the address of the token.
    case request(UInt64)
  }

  static var isOn: Bool { Agent.deferrals.value > 0 }

  /// Begins one; when this returns no checkpoint is being taken.
  static func begin() {
    let own = UInt32(bitPattern: OwnThread.identifier)
    if Agent.deferrals.add(1) == 1 { Agent.deferrer.store(own) }
    // The thread is stopped in this loop; a hook belongs to the checkpoint itself.
    while Agent.leader.value != 0, Agent.leader.value != own, Agent.caller.value != own {
      Pause.short()
    }
  }

  /// Ends one.
  ///
  /// - Returns: how many are left, `nil`: there was none.
  static func end() -> UInt32? {
    while true {
      let count = Agent.deferrals.value
      guard count > 0 else { return nil }
      if count == 1 { Agent.deferrer.store(0) }
      if Agent.deferrals.exchange(count, for: count - 1) {
        if count == 1 { Agent.deferrals.wakeAll() }
        return count - 1
      }
    }
  }

  /// Notes what came; in the handler.
  static func put(off order: Trigger.Order) {
    ShortLock.with(Agent.turn) {
      if order.isRequest { Agent.state.deferredToken = order.value }
    }
    if !order.isRequest { Agent.deferredTrigger.store(1) }
  }

  /// Takes what waits, one at a time.
  static func next() -> Waiting {
    let token = ShortLock.with(Agent.turn) {
      let token = Agent.state.deferredToken
      Agent.state.deferredToken = 0
      return token
    }
    if token != 0 { return .request(token) }
    return Agent.deferredTrigger.exchange(1, for: 0) ? .trigger : .none
  }

  static func putBack(_ waiting: Waiting) {
    switch waiting {
    case .none: break
    case .trigger: Agent.deferredTrigger.store(1)
    case .request(let token): ShortLock.with(Agent.turn) { Agent.state.deferredToken = token }
    }
  }

  /// Lets what waits come again, for a thread that can't see to it itself: it is in a hook.
  static func raiseWaiting() {
    switch next() {
    case .none: break
    case .trigger: _ = try? Process.send(Agent.state.configuration.signal, to: Process.ownID)
    case .request(let token):
      var info = ckernel_siginfo()
      info.signal = Configuration.controlSignal
      info.code = Signal.queued
      info.pid = Process.ownID
      info.value = token
      _ = try? Signal.queue(info, process: info.pid, signal: info.signal)
    }
  }

  /// In a restarted process and in a forked child nothing waits any more.
  static func forgetWaiting() {
    Agent.deferredTrigger.store(0)
    Agent.state.deferredToken = 0
  }

  /// Waits until no deferral is on.
  ///
  /// - Returns: false when the time is over.
  static func awaitEnd(until deadline: UInt64) -> Bool {
    while isOn {
      guard Clock.monotonic < deadline else { return false }
      Agent.deferrals.wait(while: Agent.deferrals.value, atMost: 20_000_000)
    }
    return true
  }
}

/// Short waits for what nobody wakes us for.
enum Pause {
  /// A millisecond, or until a signal.
  static func short() { Scheduling.sleep(milliseconds: 1) }
}
