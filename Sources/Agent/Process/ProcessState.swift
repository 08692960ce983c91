internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// What the leader notes of the process as a whole.
///
/// Lies in memory that is saved: the restarted copy takes itself back from here.
struct ProcessState: BitwiseCopyable {
  var record = ckpt_process()

  /// Whether it was before the checkpoint: `OpenedProcess` changes it.
  var isDumpable = true

  /// What the process once asked for.
  var registrations = Registrations()

  /// Processor time that it had used, in nanoseconds.
  var processorTime: UInt64 = 0

  /// In RLIMIT_ order.
  var limits: Table<ckpt_limit>

  /// The auxiliary vector, as PR_SET_MM_MAP takes it.
  var auxv: Table<UInt64>

  /// Supplementary groups, 4 bytes each.
  var groups: Table<UInt32>

  /// In words; the kernel's own vector has 46 at most.
  static let auxvCapacity = 128

  /// More than anybody has; a process in more groups is refused.
  static let groupCapacity = 4096

  /// What is noted of the command line, in bytes: it is only shown to people.
  static let commandLineCapacity: UInt64 = 4096

  init(in keep: inout Arena) throws(Errno) {
    limits = try Table(in: &keep, capacity: ProcessAttributes.limitCount)
    auxv = try Table(in: &keep, capacity: Self.auxvCapacity)
    groups = try Table(in: &keep, capacity: Self.groupCapacity)
  }

  /// The value of an entry of the auxiliary vector, 0 when there is none.
  ///
  /// Source: getauxval(3).
  func auxiliaryValue(_ type: UInt64) -> UInt64 {
    for index in 0..<auxv.count / 2 where auxv[index * 2] == type { return auxv[index * 2 + 1] }
    return 0
  }

  /// AT_RSEQ_FEATURE_SIZE.
  var rseqFeatureByteCount: UInt32 { UInt32(truncatingIfNeeded: auxiliaryValue(27)) }
}

extension ProcessState {
  /// Notes everything.
  ///
  /// The threads stand still; `draft` gets the strings and details.
  ///
  /// - Throws: what the kernel said where something essential could not be learned; what only
  ///   people look at stays absent instead.
  mutating func capture(into draft: inout ImageDraft) throws(Errno) {
    record = ckpt_process()
    registrations = .noted(&draft.scratch)
    processorTime = Clock.processorTime
    try captureIdentity()
    captureFlags()
    try captureLayout()
    try captureLimits()
    try captureVectors(into: &draft)
    captureNames(into: &draft)
  }

  private mutating func captureIdentity() throws(Errno) {
    record.pid = Process.ownID
    record.parent = ProcessAttributes.parent
    record.group = ProcessAttributes.group
    record.session = ProcessAttributes.session
    let users = OwnIDs.users
    record.uid = users.real
    record.euid = users.effective
    record.suid = users.saved
    record.fsuid = users.fileSystem
    let owners = OwnIDs.groups
    record.gid = owners.real
    record.egid = owners.effective
    record.sgid = owners.saved
    record.fsgid = owners.fileSystem
    let capabilities = try Capabilities.current()
    record.capabilities_effective = capabilities.effective
    record.capabilities_permitted = capabilities.permitted
    record.capabilities_inheritable = capabilities.inheritable
    record.capabilities_bounding = Capabilities.bounding
    record.capabilities_ambient = Capabilities.ambient
  }

  private mutating func captureFlags() {
    record.umask = ProcessAttributes.umask
    record.personality = ProcessAttributes.personality
    record.death_signal = UInt32(bitPattern: Prctl.integer(Prctl.getDeathSignal))
    record.securebits = UInt32(truncatingIfNeeded: Prctl.result(Prctl.getSecurebits))
    record.oom_score_adjust = UInt32(bitPattern: Self.outOfMemoryScore)
    note(CKPT_PROCESS_NO_NEW_PRIVILEGES, Prctl.result(Prctl.getNoNewPrivileges) == 1)
    note(CKPT_PROCESS_SUBREAPER, Prctl.integer(Prctl.getSubreaper) != 0)
    note(CKPT_PROCESS_DUMPABLE, isDumpable)
    note(CKPT_PROCESS_THP_DISABLED, Prctl.result(Prctl.getTHPDisable) & 1 == 1)
    note(CKPT_PROCESS_KEEP_CAPABILITIES, Prctl.result(Prctl.getKeepCapabilities) == 1)
  }

  private mutating func note(_ flag: UInt32, _ isSet: Bool) {
    if isSet { record.flags |= flag }
  }

  private static var outOfMemoryScore: Int32 {
    var text: (UInt64, UInt64) = (0, 0)
    guard let file = try? FileDescriptor("/proc/self/oom_score_adj", .readOnly) else { return 0 }
    let number = file.number
    let score = try? withAddress(of: &text) { (address) throws(Errno) in
      let count = Int(try Files.read(number, to: address, byteCount: 16))
      var cursor = TextCursor(Memory.bytes(at: address, count: count))
      return Int32(truncatingIfNeeded: cursor.signedNumber() ?? 0)
    }
    return score ?? 0
  }

  /// Where the kernel thinks that the parts of the program lie.
  private mutating func captureLayout() throws(Errno) {
    record.brk = ProcessAttributes.programBreak
    var text = InlineArray<128, UInt64>(repeating: 0)
    let file = try FileDescriptor("/proc/thread-self/stat", .readOnly)
    let number = file.number
    let stat = try withAddress(of: &text) { (address) throws(Errno) in
      let count = Int(try Files.read(number, to: address, byteCount: 1024))
      return ProcessStat(Memory.bytes(at: address, count: count))
    }
    guard let stat else { throw .invalid }
    record.start_code = stat.startCode
    record.end_code = stat.endCode
    record.start_data = stat.startData
    record.end_data = stat.endData
    record.start_brk = stat.startBreak
    record.start_stack = stat.startStack
    record.arg_start = stat.argumentStart
    record.arg_end = stat.argumentEnd
    record.env_start = stat.environmentStart
    record.env_end = stat.environmentEnd
    record.terminal_device = stat.terminalDevice
    record.terminal_group = stat.terminalGroup
    note(CKPT_PROCESS_HAS_TERMINAL, stat.terminalDevice != 0)
  }

  private mutating func captureLimits() throws(Errno) {
    limits.removeAll()
    for resource in 0..<ProcessAttributes.limitCount {
      let limit = try ProcessAttributes.limit(resource)
      try limits.append(ckpt_limit(current: limit.current, maximum: limit.maximum))
    }
  }

  private mutating func captureVectors(into draft: inout ImageDraft) throws(Errno) {
    let file = try FileDescriptor("/proc/thread-self/auxv", .readOnly)
    let byteCount = try file.readToEnd(
      to: auxv.base, capacity: UInt64(Self.auxvCapacity) * 8)
    guard byteCount % 16 == 0 else { throw .invalid }
    auxv = auxv.covering(Int(byteCount) / 8)
    let count = try OwnIDs.supplementaryGroups(to: groups.base, capacity: Self.groupCapacity)
    groups = groups.covering(count)
    record.auxv = try draft.detail(from: auxv.base, byteCount: auxv.byteCount)
    record.groups = try draft.detail(from: groups.base, byteCount: groups.byteCount)
  }

  private mutating func captureNames(into draft: inout ImageDraft) {
    record.executable = draft.link("/proc/thread-self/exe")
    record.directory = draft.link("/proc/thread-self/cwd")
    record.root = draft.link("/proc/thread-self/root")
    record.name = draft.text("/proc/self/comm", atMost: 16, droppingNewline: true)
    record.command_line = draft.text(
      "/proc/thread-self/cmdline", atMost: Self.commandLineCapacity, droppingNewline: false)
  }
}

extension ImageDraft {
  /// Appends a copy of bytes to the details note, aligned to 8.
  mutating func detail(from address: Address, byteCount: UInt64) throws(Errno) -> ckpt_detail {
    details.align()
    let offset = try details.append(from: address, byteCount: byteCount)
    return ckpt_detail(offset: UInt32(offset), byte_count: UInt32(byteCount))
  }

  /// The target of a symbolic link as a string; absent when it can't be read.
  mutating func link(_ path: StaticString) -> ckpt_string {
    let capacity = Int(min(strings.free, 4096))
    guard
      let count = try? ProcessAttributes.readLink(path, to: strings.next, capacity: capacity)
    else { return ckpt_string() }
    return ckpt_string(
      offset: UInt32(strings.claim(UInt64(count))), byte_count: UInt32(count))
  }

  /// The start of a file as a string; absent when it can't be read.
  mutating func text(
    _ path: StaticString, atMost limit: UInt64, droppingNewline: Bool
  ) -> ckpt_string {
    let start = strings.next
    guard let file = try? FileDescriptor(path, .readOnly),
      var count = try? file.readToEnd(to: start, capacity: min(strings.free, limit))
    else { return ckpt_string() }
    if droppingNewline, count > 0, Memory.load(UInt8.self, at: start + (count - 1)) == 0x0A {
      count -= 1
    }
    return ckpt_string(offset: UInt32(strings.claim(count)), byte_count: UInt32(count))
  }
}
