/// A process or thread as /proc/PID/status shows it.
///
/// Source: proc_pid_status(5).
public struct ProcessStatus: Equatable, Sendable {
  public var name = ""

  /// R, S, D, T, t, Z or X.
  public var state: Character = "?"
  public var threadGroup: Int32 = 0
  public var parent: Int32 = 0

  /// Real user ID.
  public var user: UInt32 = 0

  /// Sets of signals: bit 0 is signal 1.
  public var blocked: UInt64 = 0
  public var ignored: UInt64 = 0
  public var caught: UInt64 = 0

  /// Signals that wait for the thread, and for the process.
  public var pending: UInt64 = 0
  public var sharedPending: UInt64 = 0

  /// The process that traces it, 0: none.
  public var tracer: Int32 = 0

  /// 0: none, 1: strict, 2: by filters; and how many of these.
  public var seccompMode = 0
  public var seccompFilters = 0

  /// A thread of the kernel's, which has no memory of its own; said since Linux 6.8.
  public var isKernelThread = false

  /// Whether it has memory: threads of the kernel have none, nor who is on the way to its end.
  public var hasMemory = false

  public init() {}

  /// What isn't there keeps its default: kernels differ in the lines they have.
  public init(_ text: String) {
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let words = line[line.index(after: colon)...].split { $0 == "\t" || $0 == " " }
      take(line[..<colon], words)
    }
  }

  private mutating func take(_ field: Substring, _ words: [Substring]) {
    guard let first = words.first else { return }
    switch field {
    case "Name": name = words.joined(separator: " ")
    case "State": state = first.first ?? state
    case "Tgid": threadGroup = Int32(first) ?? 0
    case "PPid": parent = Int32(first) ?? 0
    case "Uid": user = UInt32(first) ?? 0
    case "SigBlk": blocked = UInt64(first, radix: 16) ?? 0
    case "SigIgn": ignored = UInt64(first, radix: 16) ?? 0
    case "SigCgt": caught = UInt64(first, radix: 16) ?? 0
    case "SigPnd": pending = UInt64(first, radix: 16) ?? 0
    case "ShdPnd": sharedPending = UInt64(first, radix: 16) ?? 0
    case "TracerPid": tracer = Int32(first) ?? 0
    case "Seccomp": seccompMode = Int(first) ?? 0
    case "Seccomp_filters": seccompFilters = Int(first) ?? 0
    case "VmSize": hasMemory = true
    case "Kthread": isKernelThread = first == "1"
    default: break
    }
  }

  public func blocks(_ signal: Int) -> Bool { blocked.has(signal) }
  public func catches(_ signal: Int) -> Bool { caught.has(signal) }
}

extension UInt64 {
  /// Whether a set of signals has this one.
  fileprivate func has(_ signal: Int) -> Bool { self >> UInt64(signal - 1) & 1 == 1 }
}

/// Whether /proc/PID/maps shows the agent's code.
///
/// After a restart it lies in a memfd that has the name of the file it came from; in a snapshot
/// executable only its data does, and the code is the executable's.
///
/// Source: proc_pid_maps(5).
public func showsAgent(maps: String) -> Bool {
  maps.split(separator: "\n").contains { line in
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count == 6 else { return false }
    var path = String(fields[5].drop { $0 == " " })
    guard fields[1].contains("x") || path.hasPrefix("/memfd:ckpt:") else { return false }
    if path.hasSuffix(" (deleted)") { path.removeLast(10) }
    return path.hasSuffix("/libckpt.so")
  }
}

/// What a thread was doing, as seen from outside just before it was asked to stop.
///
/// The agent uses it to make an interrupted call again, with what is left of its time-out.
public struct ThreadSample: Equatable, Sendable {
  /// Number of the system call it waits in; `notInCall`, or `unknown`.
  public var call: Int64
  public var stackPointer: UInt64 = 0
  public var programCounter: UInt64 = 0

  /// Nanoseconds since it fell asleep, 0: not known.
  public var waited: UInt64 = 0

  public static let notInCall: Int64 = -1

  /// rt_sigtimedwait(2).
  static let signalWait: Int64 = 128
  public static let unknown = ThreadSample(call: -2)

  public init(call: Int64) { self.call = call }

  /// Reads /proc/PID/task/TID/syscall: `running`, or number, arguments, stack pointer, counter.
  ///
  /// Source: proc_pid_syscall(5).
  public init(systemCallLine text: String) {
    let words = text.split { $0 == " " || $0 == "\n" }
    guard words.count >= 3, let number = Int64(words[0]) else {
      self = .unknown
      return
    }
    call = number
    stackPointer = UInt64(hexadecimal: words[words.count - 2])
    programCounter = UInt64(hexadecimal: words[words.count - 1])
  }
}

extension UInt64 {
  fileprivate init(hexadecimal text: Substring) {
    self = UInt64(text.hasPrefix("0x") ? text.dropFirst(2) : text, radix: 16) ?? 0
  }
}

/// When the scheduler last accounted for a task, in nanoseconds of its own clock.
///
/// For a sleeping one, when it fell asleep. From /proc/PID/sched, which not every kernel has. `nil` also
/// for one that has not run since it was moved to another processor: the kernel sets 0 there, and moves
/// sleeping ones too that are still in a queue (`kernel/sched/fair.c`, migrate_task_rq_fair).
public func accountedTime(inSched text: String) -> UInt64? {
  for line in text.split(separator: "\n") where line.hasPrefix("se.exec_start") {
    let number = line.split(separator: ":").last?.split(separator: " ").first ?? ""
    let parts = number.split(separator: ".")
    guard parts.count == 2, parts[1].count == 6, let milliseconds = UInt64(parts[0]),
      let rest = UInt64(parts[1])
    else { return nil }
    let time = milliseconds &* 1_000_000 &+ rest
    return time == 0 ? nil : time
  }
  return nil
}
