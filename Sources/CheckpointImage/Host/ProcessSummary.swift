internal import CImage

/// The process as a whole.
public struct ProcessSummary: Codable, Sendable {
  public var pid: Int32
  public var parent: Int32
  public var group: Int32
  public var session: Int32
  public var uid: UInt32
  public var effectiveUID: UInt32
  public var gid: UInt32
  public var effectiveGID: UInt32
  public var groups: [UInt32]
  public var umask: UInt32
  public var personality: UInt32
  public var hasTerminal: Bool
  public var hasNoNewPrivileges: Bool
  public var capabilities: UInt64
  public var name: String
  public var executable: String
  public var directory: String
  public var root: String
  public var arguments: [String]

  init(_ head: ImageHead) {
    let process: ckpt_process = head.entries(head.index.process)[0]
    pid = process.pid
    parent = process.parent
    group = process.group
    session = process.session
    uid = process.uid
    effectiveUID = process.euid
    gid = process.gid
    effectiveGID = process.egid
    groups = Self.words(head.detail(process.groups))
    umask = process.umask
    personality = process.personality
    hasTerminal = process.flags & CKPT_PROCESS_HAS_TERMINAL != 0
    hasNoNewPrivileges = process.flags & CKPT_PROCESS_NO_NEW_PRIVILEGES != 0
    capabilities = process.capabilities_effective
    name = head.text(process.name)
    executable = head.text(process.executable)
    directory = head.text(process.directory)
    root = head.text(process.root)
    arguments = Self.arguments(head.text(process.command_line))
  }

  private static func words(_ bytes: ArraySlice<UInt8>) -> [UInt32] {
    stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).map { start in
      (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
    }
  }

  /// As `/proc/PID/cmdline` has them: each ends with a NUL.
  private static func arguments(_ text: String) -> [String] {
    var parts = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    if parts.last?.isEmpty == true { parts.removeLast() }
    return parts
  }
}

/// The machine that the process ran on, and what it needs of another one.
public struct MachineSummary: Codable, Sendable {
  public var kernelRelease: String
  public var hostName: String
  public var cpuName: String

  /// The XSAVE features that were enabled (XCR0).
  public var xcr0: UInt64

  /// What a signal frame held of extended state, in bytes.
  public var frameByteCount: UInt32

  /// CPUID leaves 1 (ecx, edx), 7 (ebx, ecx, edx, and eax of sub-leaf 1), 0x80000001 (ecx, edx).
  public var features: [UInt32]
  public var vdsoStart: UInt64
  public var vdsoByteCount: UInt64
  public var vvarStart: UInt64
  public var vvarByteCount: UInt64

  init(_ head: ImageHead) {
    let machine: ckpt_machine = head.entries(head.index.machine)[0]
    kernelRelease = head.text(machine.kernel_release)
    hostName = head.text(machine.host_name)
    cpuName = head.text(machine.cpu_name)
    xcr0 = machine.xcr0
    frameByteCount = machine.frame_xstate_bytes
    features = [
      machine.features_1c, machine.features_1d, machine.features_7b, machine.features_7c,
      machine.features_7d, machine.features_71a, machine.features_81c, machine.features_81d,
    ]
    vdsoStart = machine.vdso_start
    vdsoByteCount = machine.vdso_bytes
    vvarStart = machine.vvar_start
    vvarByteCount = machine.vvar_bytes
  }
}

/// One thread.
public struct ThreadSummary: Codable, Sendable {
  public var tid: Int32
  public var name: String
  public var isMain: Bool

  /// It took the checkpoint.
  public var isLeader: Bool
  public var hasExited: Bool

  /// The number of the system call it was blocked in.
  public var systemCall: Int64?

  /// Where its registers are in the saved memory: a `ucontext`.
  public var frame: UInt64
  public var fsBase: UInt64
  public var gsBase: UInt64
  public var signalMask: UInt64
  public var policy: UInt32
  public var priority: UInt32
  public var nice: Int32

  init(_ thread: ckpt_thread) {
    tid = thread.tid
    name = Self.name(thread.name_low, thread.name_high)
    isMain = thread.flags & CKPT_THREAD_MAIN != 0
    isLeader = thread.flags & CKPT_THREAD_LEADER != 0
    hasExited = thread.flags & CKPT_THREAD_EXITED != 0
    systemCall = thread.system_call < 0 ? nil : thread.system_call
    frame = thread.frame
    fsBase = thread.fs_base
    gsBase = thread.gs_base
    signalMask = thread.signal_mask
    policy = thread.policy
    priority = thread.priority
    nice = thread.nice
  }

  private static func name(_ low: UInt64, _ high: UInt64) -> String {
    let bytes = [low, high].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
