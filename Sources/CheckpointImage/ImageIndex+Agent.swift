internal import CImage
internal import KernelABI

extension ImageIndex {
  /// Checks where the program wakes up.
  ///
  /// - Precondition: regions were checked.
  func checkAgent(_ head: RawSpan) throws(ImageError) {
    let agent = ImageRecords<ckpt_agent>(self.agent, in: head)[0]
    let place = UInt64(self.agent.offset)
    let code = region(holding: agent.entry, head)
    try require(
      code.map { ImageIndex.isPrivate($0) && $0.protection & 4 != 0 } ?? false, .badAgentEntry,
      at: place, agent.entry)
    let arena = region(holding: agent.arena_start, head)
    try require(
      arena.map {
        ImageIndex.isPrivate($0) && $0.protection & 3 == 3
          && agent.arena_bytes <= $0.end - agent.arena_start
      } ?? false, .badAgentArena, at: place + 24, agent.arena_start)
    let arenaEnd = agent.arena_start + agent.arena_bytes
    try require(
      agent.stack_top % 16 == 0 && agent.stack_top > agent.arena_start
        && agent.stack_top <= arenaEnd, .badAgentStack, at: place + 8, agent.stack_top)
    try require(
      agent.handoff % 8 == 0 && agent.handoff >= agent.arena_start && agent.handoff < arenaEnd
        && arenaEnd - agent.handoff >= UInt64(MemoryLayout<ckpt_handoff>.size), .badHandoff,
      at: place + 16, agent.handoff)
    try require(
      agent.handoff_version == UInt32(CKPT_HANDOFF_VERSION), .unsupportedHandoff, at: place + 40,
      UInt64(agent.handoff_version))
    try require(
      agent.trigger_signal >= 1 && agent.trigger_signal <= 64, .badTriggerSignal, at: place + 44,
      UInt64(agent.trigger_signal))
  }

  private static func isPrivate(_ region: ckpt_region) -> Bool {
    region.kind == CKPT_REGION_ANONYMOUS || region.kind == CKPT_REGION_PRIVATE_FILE
  }

  /// Checks signals, timers and limits.
  func checkSignals(_ head: RawSpan) throws(ImageError) {
    try require(
      signals.count == 0 || signals.count == 64, .badSignalCount, at: UInt64(signals.offset),
      UInt64(signals.count))
    let pending = ImageRecords<ckpt_pending_signal>(self.pending, in: head)
    for index in 0..<pending.count {
      let signal = pending[index]
      try require(
        signal.tid >= 0 && signal.signal >= 1 && signal.signal <= 64, .badSignal,
        at: pending.offset(of: index), UInt64(signal.signal))
    }
    let timers = ImageRecords<ckpt_timer>(self.timers, in: head)
    for index in 0..<timers.count {
      let timer = timers[index]
      try require(
        timer.kind == CKPT_TIMER_INTERVAL || timer.kind == CKPT_TIMER_POSIX, .badTimer,
        at: timers.offset(of: index), UInt64(timer.kind))
    }
    // RLIM_NLIMITS is 16 since Linux 2.6.25; there is room for as many again.
    try require(
      limits.count <= 32, .badLimitCount, at: UInt64(limits.offset), UInt64(limits.count))
  }
}
