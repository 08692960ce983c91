public import KernelABI

/// What a new process shares with its maker, and what it gets of its own.
///
/// Source: clone(2), unshare(2), namespaces(7); `include/uapi/linux/sched.h`.
public struct CloneFlags: FlagSet {
  public let rawValue: UInt64
  @inline(__always) public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let memory = CloneFlags(rawValue: 0x100)  // CLONE_VM
  public static let fileSystem = CloneFlags(rawValue: 0x200)  // CLONE_FS
  public static let files = CloneFlags(rawValue: 0x400)  // CLONE_FILES
  public static let signalHandlers = CloneFlags(rawValue: 0x800)  // CLONE_SIGHAND
  public static let descriptor = CloneFlags(rawValue: 0x1000)  // CLONE_PIDFD
  public static let untilEnd = CloneFlags(rawValue: 0x4000)  // CLONE_VFORK
  public static let parent = CloneFlags(rawValue: 0x8000)  // CLONE_PARENT
  public static let thread = CloneFlags(rawValue: 0x1_0000)  // CLONE_THREAD
  public static let semaphoreUndo = CloneFlags(rawValue: 0x4_0000)  // CLONE_SYSVSEM
  public static let threadPointer = CloneFlags(rawValue: 0x8_0000)  // CLONE_SETTLS
  public static let clearingWord = CloneFlags(rawValue: 0x20_0000)  // CLONE_CHILD_CLEARTID
  public static let untraced = CloneFlags(rawValue: 0x80_0000)  // CLONE_UNTRACED
  public static let settingWord = CloneFlags(rawValue: 0x100_0000)  // CLONE_CHILD_SETTID

  public static let newTime = CloneFlags(rawValue: 0x80)  // CLONE_NEWTIME
  public static let newMounts = CloneFlags(rawValue: 0x2_0000)  // CLONE_NEWNS
  public static let newUsers = CloneFlags(rawValue: 0x1000_0000)  // CLONE_NEWUSER
  public static let newProcesses = CloneFlags(rawValue: 0x2000_0000)  // CLONE_NEWPID
}
