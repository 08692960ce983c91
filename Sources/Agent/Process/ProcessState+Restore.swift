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
        try Prctl.call(Prctl.setDumpable, has(CKPT_PROCESS_DUMPABLE) ? 1 : 0)
      }
    return losses | registrations.restore()
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
      let saved = limit(resource)
      guard let own = try? ProcessAttributes.limit(resource) else {
        losses = losses | .limits
        continue
      }
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

  /// What the process may use from now on.
  ///
  /// The kernel counts its processor time from 0 again, so what it had used is taken off.
  private func limit(_ resource: Int) -> ckpt_limit {
    var limit = limits[resource]
    guard resource == Self.processorTimeLimit else { return limit }
    let used = processorTime / 1_000_000_000
    func rest(_ seconds: UInt64) -> UInt64 {
      seconds == .max ? seconds : seconds > used ? seconds - used : 1
    }
    limit.current = rest(limit.current)
    limit.maximum = rest(limit.maximum)
    return limit
  }

  /// RLIMIT_CPU, in seconds.
  private static let processorTimeLimit = 0

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
