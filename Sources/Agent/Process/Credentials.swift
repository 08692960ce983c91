internal import CImage
internal import Kernel
internal import KernelABI

/// Gives up what `restart` had and the program had not; on each thread, as its last step.
enum Credentials {
  /// How the restored process relates to the saved one's ids.
  enum Situation {
    /// In a user namespace of its own: all capabilities there came from making it.
    case privateNamespace

    /// In the namespace that `restart` was started in.
    case sameNamespace
  }

  /// SECBIT_NO_SETUID_FIXUP and SECBIT_KEEP_CAPS: a change of ids leaves all capabilities.
  private static let keepAll: UInt32 = 4 | 16

  /// The bits that only lift or lock something matter less than those that take something away:
  /// SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP and SECBIT_NO_CAP_AMBIENT_RAISE, with their locks.
  private static let protective: UInt32 = 0b1100_1111

  /// Takes the calling thread's ids and capabilities back to what was saved, never above what it
  /// has now.
  ///
  /// Stopped-world safe.
  ///
  /// - Parameters:
  ///   - thread: what this thread noted, for its capabilities.
  ///   - securebits: likewise.
  ///   - process: for ids, groups and the bounding set.
  /// - Returns: what could not be put back.
  @inline(never)
  static func restore(
    _ thread: ckpt_thread, securebits: UInt32, _ process: ProcessState, _ situation: Situation
  ) -> RestoreLosses {
    switch situation {
    case .privateNamespace: dropAll(securebits)
    case .sameNamespace: restoreAll(thread, securebits, process)
    }
  }

  private static func dropAll(_ securebits: UInt32) -> RestoreLosses {
    _ = try? Capabilities.dropBounding(except: 0)
    Capabilities.clearAmbient()
    let losses = restore(securebits)
    return losses
      | losing(.capabilities) { () throws(Errno) in try Capabilities.none.apply() }
  }

  /// Locks come last, and capabilities behind them: to set securebits takes CAP_SETPCAP.
  private static func restoreAll(
    _ thread: ckpt_thread, _ securebits: UInt32, _ process: ProcessState
  ) -> RestoreLosses {
    guard let own = try? Capabilities.current() else { return .capabilities }
    let permitted = thread.capabilities_permitted & own.permitted
    let wanted = Capabilities(
      effective: thread.capabilities_effective & permitted, permitted: permitted,
      inheritable: thread.capabilities_inheritable & (permitted | own.inheritable))
    var losses = RestoreLosses.none
    if permitted != thread.capabilities_permitted { losses = .capabilities }
    let current = UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSecurebits))
    _ = try? Prctl.call(Prctl.setSecurebits, Int(current | keepAll))
    losses = losses | restoreBounding(process) | restoreIDs(process)
    losses = losses | restoreAmbient(process, wanted) | restore(securebits)
    return losses
      | losing(.capabilities) { () throws(Errno) in
        if wanted != (try Capabilities.current()) { try wanted.apply() }
      }
  }

  private static func restoreBounding(_ process: ProcessState) -> RestoreLosses {
    losing(.capabilities) { () throws(Errno) in
      try Capabilities.dropBounding(except: process.record.capabilities_bounding)
    }
  }

  /// Changes ids that differ; groups first, while that is allowed.
  private static func restoreIDs(_ process: ProcessState) -> RestoreLosses {
    let record = process.record
    let users = IDs(
      real: record.uid, effective: record.euid, saved: record.suid, fileSystem: record.fsuid)
    let owners = IDs(
      real: record.gid, effective: record.egid, saved: record.sgid, fileSystem: record.fsgid)
    let losses = losing(.groups) { () throws(Errno) in
      guard !hasGroups(of: process) else { return }
      try OwnIDs.setSupplementaryGroups(at: process.groups.base, count: process.groups.count)
    }
    return losses
      | losing(.ids) { () throws(Errno) in
        if owners != OwnIDs.groups { try OwnIDs.setGroups(owners) }
        if users != OwnIDs.users { try OwnIDs.setUsers(users) }
      }
  }

  /// Whether the calling thread is in the very groups that were saved: the kernel keeps them sorted.
  private static func hasGroups(of process: ProcessState) -> Bool {
    let count = process.groups.count
    guard count <= 256 else { return false }
    var room = InlineArray<256, UInt32>(repeating: 0)
    return
      (try? withAddress(of: &room) { (address) throws(Errno) in
        guard try OwnIDs.supplementaryGroups(to: address, capacity: 256) == count else {
          return false
        }
        for index in 0..<count
        where Memory.load(UInt32.self, at: address + UInt64(index * 4)) != process.groups[index] {
          return false
        }
        return true
      }) ?? false
  }

  private static func restoreAmbient(
    _ process: ProcessState, _ wanted: Capabilities
  ) -> RestoreLosses {
    let ambient = process.record.capabilities_ambient & wanted.inheritable & wanted.permitted
    return losing(.capabilities) { () throws(Errno) in
      guard ambient != Capabilities.ambient else { return }
      let open = try Capabilities.current()
      try Capabilities(
        effective: open.effective, permitted: open.permitted,
        inheritable: wanted.inheritable
      ).apply()
      Capabilities.clearAmbient()
      try Capabilities.raiseAmbient(ambient)
    }
  }

  /// - Returns: `.securebits` when bits are missing that protect the program from what it executes.
  private static func restore(_ securebits: UInt32) -> RestoreLosses {
    func current() -> UInt32 { UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSecurebits)) }
    guard current() != securebits else { return .none }
    if (try? Prctl.call(Prctl.setSecurebits, Int(securebits))) != nil { return .none }
    // SECBIT_KEEP_CAPS alone needs no privilege when set by its own call.
    _ = try? Prctl.call(Prctl.setKeepCapabilities, securebits & 16 != 0 ? 1 : 0)
    return securebits & protective & ~current() == 0 ? .none : .securebits
  }
}
