public import KernelABI

/// Why the agent can't be put into a running process, which goes on as before.
public enum InjectFailure: Error, Equatable, Sendable {
  case target(TargetFailure)
  case agent(LaunchFailure)
  case agentUnreadable(String, Errno)
  case agentFile(String, AgentFileFailure)

  /// A program of 32 bits.
  case foreign(Int32)
  case forbidden(PtraceRefusal)

  /// seccomp(2) in strict mode.
  case confinedStrictly(Int32)

  /// It has filters of seccomp(2) that this command does not have.
  case confined(Int32, filters: Int)

  /// A thread that did not stop in time.
  case doesNotStop(tid: Int32, seconds: UInt64)

  /// There is no executable memory with a few bytes to spare.
  case noPlace(Int32)
  case step(InjectStep, Errno)

  /// The agent's entry was left by a signal.
  case crashed(signal: Int32)
  case ended(Int32)

  /// The agent is there, and could take no signal.
  case deaf(Int32)

  /// The agent that is there comes from another file, and nothing is known of its entry.
  case otherAgent(Int32)
}

/// What was being done to the process.
public enum InjectStep: Equatable, Sendable {
  case trace
  case openMemory
  case writeMemory
  case registers
  case workspace
  case openAgent
  case fillAgent
  case reserve
  case mapSegment
  case protect
  case runEntry
}

/// Why ptrace(2) is forbidden.
public enum PtraceRefusal: Equatable, Sendable {
  case tracedBy(Int32, name: String)

  /// kernel.yama.ptrace_scope: 1 descendants only, 2 administrators only, 3 nobody.
  case yama(scope: Int)

  /// A seccomp(2) filter of this command's own, as a container's, blocks the call.
  case filtered

  /// PR_SET_DUMPABLE, or a program file that may be run but not read.
  case notDumpable

  /// Of another user, or with privileges or in a user namespace that this command isn't above.
  case morePrivileged

  /// What decides, as seen before and after the refusal.
  struct Facts: Equatable {
    var tracer: Int32 = 0
    var tracerName = ""

    /// `nil`: the kernel has no Yama.
    var yamaScope: Int?

    /// Whether this command has CAP_SYS_PTRACE.
    var isCapable = false

    /// Whether the call is refused even for a process that doesn't exist.
    var isFiltered = false

    /// Whether /proc/PID/environ can be read, which takes the same right without Yama.
    var isReadable = false

    /// Whether both have the same user ID.
    var isSameUser = false
  }

  init(_ facts: Facts) {
    if facts.tracer != 0 {
      self = .tracedBy(facts.tracer, name: facts.tracerName)
    } else if facts.isFiltered {
      self = .filtered
    } else if let scope = facts.yamaScope, scope > 0, scope == 3 || !facts.isCapable,
      facts.isReadable
    {
      self = .yama(scope: scope)
    } else if facts.isSameUser, !facts.isReadable, !facts.isCapable {
      self = .notDumpable
    } else {
      self = .morePrivileged
    }
  }
}
