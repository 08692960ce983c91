internal import Kernel
internal import KernelABI

/// What prctl(2) keeps of a thread besides what is in the image's table of threads.
///
/// Lies in memory that is saved, beside that table; all of it runs on the thread concerned.
struct ThreadAttributes: BitwiseCopyable {
  /// PR_GET_SECUREBITS, with SECBIT_KEEP_CAPS.
  var securebits: UInt32 = 0

  /// PR_GET_PDEATHSIG.
  var deathSignal: UInt32 = 0

  /// PR_MCE_KILL_GET: PR_MCE_KILL_DEFAULT unless the thread has a policy of its own.
  var machineCheck: UInt32 = 0

  /// PR_GET_TSC.
  var timeStampCounter: UInt32 = 0

  /// PR_GET_IO_FLUSHER.
  var flushesIO: UInt32 = 0

  /// PR_GET_SPECULATION_CTRL of each misfeature that there is; those that can't be set count as 0.
  var speculation: InlineArray<3, UInt32> = [0, 0, 0]

  /// PR_SPEC_PRCTL, and those of the states that can be set again.
  private static let settable: UInt32 = 1
  private static let states: UInt32 = 2 | 4 | 8 | 16

  /// Stopped-world safe; under 200 bytes of stack.
  @inline(never)
  static func noted() -> ThreadAttributes {
    var attributes = ThreadAttributes()
    attributes.securebits = word(Prctl.getSecurebits)
    attributes.deathSignal = UInt32(bitPattern: Prctl.integer(Prctl.getDeathSignal))
    attributes.machineCheck = word(Prctl.getMachineCheck)
    attributes.timeStampCounter = UInt32(bitPattern: Prctl.integer(Prctl.getTSC))
    attributes.flushesIO = word(Prctl.getIOFlusher)
    for kind in 0..<3 { attributes.speculation[kind] = speculation(kind) }
    return attributes
  }

  private static func word(_ operation: Prctl.Operation) -> UInt32 {
    UInt32(truncatingIfNeeded: Prctl.result(operation))
  }

  private static func speculation(_ kind: Int) -> UInt32 {
    let state = UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSpeculation, kind))
    return state & settable != 0 ? state & states : 0
  }

  /// Puts back on the calling thread what is none of `Credentials`' affair.
  ///
  /// - Returns: what could not be put back.
  @inline(never)
  func restore() -> RestoreLosses {
    losing(.threadAttributes) { () throws(Errno) in
      if Self.word(Prctl.getMachineCheck) != machineCheck {
        try Prctl.call(Prctl.setMachineCheck, 1, Int(machineCheck))
      }
      if timeStampCounter != 0,
        UInt32(bitPattern: Prctl.integer(Prctl.getTSC)) != timeStampCounter
      {
        try Prctl.call(Prctl.setTSC, Int(timeStampCounter))
      }
      if Self.word(Prctl.getIOFlusher) != flushesIO {
        try Prctl.call(Prctl.setIOFlusher, Int(flushesIO))
      }
      for kind in 0..<3 where speculation[kind] != 0 && Self.speculation(kind) != speculation[kind]
      {
        try Prctl.call(Prctl.setSpeculation, kind, Int(speculation[kind]))
      }
    }
  }

  /// After the thread's ids are its own again: a change of ids clears it.
  func restoreDeathSignal() {
    guard UInt32(bitPattern: Prctl.integer(Prctl.getDeathSignal)) != deathSignal else { return }
    _ = try? Prctl.call(Prctl.setDeathSignal, Int(deathSignal))
  }
}
