internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

extension SignalTables {
  /// Notes what the process does at each signal.
  mutating func captureActions() throws(Errno) {
    actions.removeAll()
    for signal in 1...Signal.count {
      let action = try Signal.action(of: signal)
      try actions.append(
        ckpt_signal_action(
          handler: action.handler, flags: action.flags, restorer: action.restorer,
          mask: action.mask))
    }
  }

  /// Puts the actions back.
  ///
  /// SIGKILL and SIGSTOP have none to set.
  func restoreActions() -> RestoreLosses {
    var losses = RestoreLosses.none
    for index in 0..<actions.count {
      let signal = Int32(index + 1)
      guard signal != Signal.kill, signal != Signal.stop else { continue }
      let action = actions[index]
      losses =
        losses
        | losing(.signals) { () throws(Errno) in
          try Signal.setAction(
            ckernel_sigaction(
              handler: action.handler, flags: action.flags, restorer: action.restorer,
              mask: action.mask), of: signal)
        }
    }
    return losses
  }

  /// Which signals of `set` run a handler of the program, by what was captured.
  ///
  /// - Parameter restarting: whether those with SA_RESTART count too.
  func handled(_ set: UInt64, restarting: Bool) -> UInt64 {
    var result: UInt64 = 0
    for index in 0..<actions.count where set >> UInt64(index) & 1 == 1 {
      let action = actions[index]
      guard action.handler > 1, restarting || action.flags & Self.restartFlag == 0 else { continue }
      result |= 1 << UInt64(index)
    }
    return result
  }

  /// The signals whose handler is the agent's, by what was captured.
  var agentSignals: UInt64 {
    var set: UInt64 = 0
    for index in 0..<actions.count where actions[index].handler == Handler.address {
      set |= 1 << UInt64(index)
    }
    return set
  }

  /// SA_RESTART.
  static let restartFlag: UInt64 = 0x1000_0000
}
