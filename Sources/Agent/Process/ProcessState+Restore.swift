internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

extension ProcessState {
  /// Before the threads are made: what they inherit, and what needs privileges.
  ///
  /// - Parameter executable: a descriptor of the program's file, -1: none.
  /// - Returns: what could not be put back.
  func restoreEarly(executable: Int32) -> RestoreLosses {
    var losses = restoreMemoryMap(executable)
    losses =
      losses
      | losing(.processFlags) { () throws(Errno) in
        try ProcessAttributes.setPersonality(record.personality)
        if has(CKPT_PROCESS_NO_NEW_PRIVILEGES) { try Prctl.call(Prctl.setNoNewPrivileges, 1) }
        if has(CKPT_PROCESS_SUBREAPER) { try Prctl.call(Prctl.setSubreaper, 1) }
        if has(CKPT_PROCESS_THP_DISABLED) { try Prctl.call(Prctl.setTHPDisable, 1) }
      }
    return losses | restoreOutOfMemoryScore()
  }

  /// After the threads are there and gave up their privileges.
  ///
  /// The limits come here because a low RLIMIT_NPROC would keep the threads from being made; the
  /// death signal and dumpable because a change of ids clears them.
  func restoreLate() -> RestoreLosses {
    var losses = restoreLimits()
    losses =
      losses
      | losing(.processFlags) { () throws(Errno) in
        try Prctl.call(Prctl.setDeathSignal, Int(record.death_signal))
        try Prctl.call(Prctl.setDumpable, has(CKPT_PROCESS_DUMPABLE) ? 1 : 0)
      }
    return losses
  }

  private func has(_ flag: UInt32) -> Bool { record.flags & flag != 0 }

  private func restoreMemoryMap(_ executable: Int32) -> RestoreLosses {
    if executable >= 0, (try? setMemoryMap(executable)) != nil { return .none }
    let losses = losing(.memoryMap) { () throws(Errno) in try setMemoryMap(-1) }
    return executable >= 0 ? losses | .executable : losses
  }

  private func setMemoryMap(_ executable: Int32) throws(Errno) {
    try ProcessAttributes.setMemoryMap(
      ckernel_mm_map(
        start_code: record.start_code, end_code: record.end_code,
        start_data: record.start_data, end_data: record.end_data,
        start_brk: record.start_brk, brk: record.brk, start_stack: record.start_stack,
        arg_start: record.arg_start, arg_end: record.arg_end,
        env_start: record.env_start, env_end: record.env_end,
        auxv: auxv.count > 0 ? auxv.base.rawValue : 0, auxv_size: UInt32(auxv.byteCount),
        exe_fd: UInt32(bitPattern: executable)))
  }

  /// A hard limit above what this machine grants is cut down to that.
  private func restoreLimits() -> RestoreLosses {
    var losses = RestoreLosses.none
    for resource in 0..<limits.count {
      let saved = limits[resource]
      guard let own = try? ProcessAttributes.limit(resource) else { continue }
      guard own.current != saved.current || own.maximum != saved.maximum else { continue }
      let wanted = ckernel_rlimit(current: saved.current, maximum: saved.maximum)
      if (try? ProcessAttributes.setLimit(resource, wanted)) != nil { continue }
      let maximum = min(saved.maximum, own.maximum)
      let granted = ckernel_rlimit(current: min(saved.current, maximum), maximum: maximum)
      _ = try? ProcessAttributes.setLimit(resource, granted)
      losses = losses | .limits
    }
    return losses
  }

  private func restoreOutOfMemoryScore() -> RestoreLosses {
    losing(.outOfMemoryScore) { () throws(Errno) in
      let file = try FileDescriptor("/proc/self/oom_score_adj", .writeOnly)
      var line = Line()
      line.append(decimal: Int64(Int32(bitPattern: record.oom_score_adjust)))
      let count = line.count
      try line.withPath { (address) throws(Errno) in
        try file.writeFully(from: address, byteCount: UInt64(count))
      }
    }
  }
}

/// Gives up what `restart` had and the program had not; on each thread, as its last step.
enum Credentials {
  /// How the restored process relates to the saved one's ids.
  enum Situation {
    /// In a user namespace of its own: all capabilities there came from making it.
    case privateNamespace

    /// In the namespace that `restart` was started in.
    case sameNamespace
  }

  /// Takes the calling thread's ids and capabilities back to what was saved, never above what it
  /// has now.
  ///
  /// Stopped-world safe.
  ///
  /// - Parameters:
  ///   - thread: what this thread noted, for its capabilities.
  ///   - process: for ids, groups and the bounding set.
  /// - Returns: what could not be put back.
  @inline(never)
  static func restore(
    _ thread: ckpt_thread, _ process: ProcessState, _ situation: Situation
  ) -> RestoreLosses {
    switch situation {
    case .privateNamespace: dropAll()
    case .sameNamespace: restoreAll(thread, process)
    }
  }

  private static func dropAll() -> RestoreLosses {
    losing(.capabilities) { () throws(Errno) in
      _ = try? Capabilities.dropBounding(except: 0)
      Capabilities.clearAmbient()
      try Capabilities.none.apply()
    }
  }

  private static func restoreAll(
    _ thread: ckpt_thread, _ process: ProcessState
  ) -> RestoreLosses {
    guard let own = try? Capabilities.current() else { return .capabilities }
    let permitted = thread.capabilities_permitted & own.permitted
    let wanted = Capabilities(
      effective: thread.capabilities_effective & permitted, permitted: permitted,
      inheritable: thread.capabilities_inheritable & (permitted | own.inheritable))
    var losses = RestoreLosses.none
    if permitted != thread.capabilities_permitted { losses = .capabilities }
    return losses
      | losing(.capabilities) { () throws(Errno) in
        _ = try? Capabilities.dropBounding(except: process.record.capabilities_bounding)
        try restoreIDs(process, keepsCapabilities: permitted != 0)
        if wanted != (try Capabilities.current()) { try wanted.apply() }
        try restoreSecurebits(process.record)
        let ambient = process.record.capabilities_ambient & wanted.inheritable & permitted
        if ambient != Capabilities.ambient {
          Capabilities.clearAmbient()
          try Capabilities.raiseAmbient(ambient)
        }
      }
  }

  /// Changes ids that differ.
  ///
  /// From root to another user that takes all capabilities away, unless PR_SET_KEEPCAPS says to
  /// keep the permitted ones.
  private static func restoreIDs(
    _ process: ProcessState, keepsCapabilities: Bool
  ) throws(Errno) {
    let record = process.record
    let users = IDs(
      real: record.uid, effective: record.euid, saved: record.suid, fileSystem: record.fsuid)
    let owners = IDs(
      real: record.gid, effective: record.egid, saved: record.sgid, fileSystem: record.fsgid)
    let isOtherUser = users != OwnIDs.users
    guard isOtherUser || owners != OwnIDs.groups else { return }
    try OwnIDs.setSupplementaryGroups(
      at: process.groups.base, count: process.groups.count)
    try OwnIDs.setGroups(owners)
    guard isOtherUser else { return }
    if keepsCapabilities { _ = try? Prctl.call(Prctl.setKeepCapabilities, 1) }
    try OwnIDs.setUsers(users)
  }

  private static func restoreSecurebits(_ record: ckpt_process) throws(Errno) {
    guard UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSecurebits)) != record.securebits
    else { return }
    // SECBIT_KEEP_CAPS alone needs no privilege when set by its own call.
    let keeps = record.flags & CKPT_PROCESS_KEEP_CAPABILITIES != 0
    _ = try? Prctl.call(Prctl.setKeepCapabilities, keeps ? 1 : 0)
    guard UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSecurebits)) != record.securebits
    else { return }
    try Prctl.call(Prctl.setSecurebits, Int(record.securebits))
  }
}
