internal import Kernel
internal import KernelABI

/// What the kernel keeps of the process because it once asked for it, and has no other trace.
///
/// Lies in memory that is saved.
struct Registrations: BitwiseCopyable {
  /// The commands of membarrier(2) that it registered for.
  var barriers: UInt32 = 0

  /// PR_GET_MEMORY_MERGE, PR_GET_MDWE, and all bits of PR_GET_THP_DISABLE.
  var mergesMemory: UInt32 = 0
  var deniesExecution: UInt32 = 0
  var disablesTHP: UInt32 = 0

  /// MCL_FUTURE and MCL_ONFAULT, 0: memory that is mapped is not locked.
  var locks: UInt32 = 0

  private static let future: UInt32 = 2
  private static let onFault: UInt32 = 4

  /// - Parameter scratch: memory for the text of /proc, given back before returning.
  static func noted(_ scratch: inout Arena) -> Registrations {
    var registrations = Registrations()
    registrations.barriers = Barriers.registrations
    registrations.mergesMemory = word(Prctl.getMemoryMerge)
    registrations.deniesExecution = word(Prctl.getMDWE)
    registrations.disablesTHP = word(Prctl.getTHPDisable)
    registrations.locks = noteLocks(&scratch)
    return registrations
  }

  private static func word(_ operation: Prctl.Operation) -> UInt32 {
    UInt32(truncatingIfNeeded: Prctl.result(operation))
  }

  /// Nothing tells the flags of mlockall(2): a page is mapped to see what becomes of it.
  private static func noteLocks(_ scratch: inout Arena) -> UInt32 {
    guard let before = locked(&scratch), before > 0 else { return 0 }
    guard
      let page = try? Mapping.map(
        byteCount: pageByteCount, .read | .write, .private | .anonymous),
      let range = AddressRange(start: page, byteCount: pageByteCount)
    else { return 0 }
    defer { _ = try? Mapping.unmap(range) }
    guard let after = locked(&scratch), after > before else { return 0 }
    var residency: UInt8 = 0
    _ = try? withAddress(of: &residency) { (vector) throws(Errno) in
      try Mapping.residency(of: range, to: vector)
    }
    return residency & 1 != 0 ? future : future | onFault
  }

  /// VmLck of /proc/thread-self/status, in KiB.
  private static func locked(_ scratch: inout Arena) -> UInt64? {
    try? StatusText.number("VmLck", &scratch)
  }

  /// When all of the agent's own work with memory is done: what is mapped from then on is locked.
  ///
  /// - Returns: what could not be put back.
  func restore() -> RestoreLosses {
    var losses = losing(.registrations) { () throws(Errno) in
      if barriers != 0 { try Barriers.register(barriers) }
      if Self.word(Prctl.getMemoryMerge) != mergesMemory {
        try Prctl.call(Prctl.setMemoryMerge, Int(mergesMemory))
      }
      if Self.word(Prctl.getTHPDisable) != disablesTHP {
        try Prctl.call(Prctl.setTHPDisable, disablesTHP == 0 ? 0 : 1, Int(disablesTHP & ~1))
      }
      if deniesExecution != 0, Self.word(Prctl.getMDWE) != deniesExecution {
        try Prctl.call(Prctl.setMDWE, Int(deniesExecution))
      }
    }
    guard locks != 0 else { return losses }
    losses =
      losses
      | losing(.locks) { () throws(Errno) in
        try Mapping.lockAll(locks)
      }
    return losses
  }
}
