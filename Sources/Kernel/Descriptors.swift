internal import CKernel
public import KernelABI

/// Calls on entries of the descriptor table that belong to someone else.
///
/// The agent looks at the program's descriptors and `restart` builds them: neither owns them, so
/// these take plain numbers.
public enum Descriptors {
  /// Source: `include/uapi/asm-generic/fcntl.h`, `include/uapi/linux/fcntl.h`.
  private enum Command {
    static let getFlags = 1
    static let setFlags = 2
    static let getStatus = 3
    static let setStatus = 4
    static let setSignal = 10
    static let getSignal = 11
    static let setOwner = 15
    static let getOwner = 16
    static let duplicateCloseOnExec = 1030
    static let duplicateQuery = 1027
    static let addSeals = 1033
    static let getSeals = 1034
  }

  @inline(__always)
  static func control(_ number: Int32, _ command: Int, _ value: Int = 0) throws(Errno) -> Int {
    try systemCall(SyscallNumber.fcntl, Int(number), command, value)
  }

  /// FD_CLOEXEC or 0.
  ///
  /// Source: fcntl(2), F_GETFD.
  public static func flags(_ number: Int32) throws(Errno) -> UInt32 {
    UInt32(truncatingIfNeeded: try control(number, Command.getFlags))
  }

  /// Source: fcntl(2), F_SETFD.
  public static func setFlags(_ number: Int32, _ flags: UInt32) throws(Errno) {
    _ = try control(number, Command.setFlags, Int(flags))
  }

  /// Source: fcntl(2), F_GETFL.
  public static func status(_ number: Int32) throws(Errno) -> OpenFlags {
    OpenFlags(rawValue: Int32(truncatingIfNeeded: try control(number, Command.getStatus)))
  }

  /// Source: fcntl(2), F_SETFL: changes O_APPEND, O_ASYNC, O_DIRECT, O_NOATIME and O_NONBLOCK.
  public static func setStatus(_ number: Int32, _ flags: OpenFlags) throws(Errno) {
    _ = try control(number, Command.setStatus, Int(flags.rawValue))
  }

  /// A new number, at least `minimum`, for the same open file description; close-on-exec.
  ///
  /// Source: fcntl(2), F_DUPFD_CLOEXEC.
  public static func duplicate(_ number: Int32, atLeast minimum: Int32) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try control(number, Command.duplicateCloseOnExec, Int(minimum)))
  }

  /// Makes `target` refer to what `number` does, closing what it was.
  ///
  /// Source: dup3(2).
  public static func duplicate(
    _ number: Int32, to target: Int32, closeOnExec: Bool
  ) throws(Errno) {
    try systemCall(
      SyscallNumber.dup3, Int(number), Int(target),
      closeOnExec ? Int(OpenFlags.closeOnExec.rawValue) : 0)
  }

  /// Closes all numbers in `first...last`.
  ///
  /// Source: close_range(2).
  public static func close(_ first: UInt32, through last: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.closeRange, Int(first), Int(last))
  }

  /// The process or thread that is sent SIGIO.
  public struct Owner: BitwiseCopyable {
    public var type: Int32
    public var identifier: Int32
    public init(type: Int32, identifier: Int32) {
      self.type = type
      self.identifier = identifier
    }
  }

  /// Source: fcntl(2), F_GETOWN_EX.
  public static func owner(_ number: Int32) throws(Errno) -> Owner {
    var owner = Owner(type: 0, identifier: 0)
    _ = try withAddress(of: &owner) { (address) throws(Errno) in
      try control(number, Command.getOwner, address.argument)
    }
    return owner
  }

  /// Source: fcntl(2), F_SETOWN_EX.
  public static func setOwner(_ number: Int32, _ owner: Owner) throws(Errno) {
    var owner = owner
    _ = try withAddress(of: &owner) { (address) throws(Errno) in
      try control(number, Command.setOwner, address.argument)
    }
  }

  /// Source: fcntl(2), F_GETSIG.
  public static func signal(_ number: Int32) throws(Errno) -> UInt32 {
    UInt32(truncatingIfNeeded: try control(number, Command.getSignal))
  }

  /// Source: fcntl(2), F_SETSIG.
  public static func setSignal(_ number: Int32, _ signal: UInt32) throws(Errno) {
    _ = try control(number, Command.setSignal, Int(signal))
  }

  /// Source: fcntl(2), F_GET_SEALS.
  public static func seals(_ number: Int32) throws(Errno) -> UInt32 {
    UInt32(truncatingIfNeeded: try control(number, Command.getSeals))
  }

  /// Source: fcntl(2), F_ADD_SEALS.
  public static func addSeals(_ number: Int32, _ seals: UInt32) throws(Errno) {
    _ = try control(number, Command.addSeals, Int(seals))
  }

  /// How the open file descriptions behind two descriptors relate.
  public enum Order: Sendable { case same, before, after, different }

  /// Compares open file descriptions by the kernel's own hidden order, or, within the calling
  /// process, only for sameness where kcmp(2) is forbidden.
  ///
  /// Source: kcmp(2), KCMP_FILE; fcntl(2), F_DUPFD_QUERY (6.10).
  public static func order(
    _ lhs: ProcessDescriptor, _ rhs: ProcessDescriptor
  ) throws(Errno) -> Order {
    let raw = rawSystemCall(
      SyscallNumber.kcmp, Int(lhs.process), Int(rhs.process), 0, Int(lhs.number), Int(rhs.number))
    switch raw {
    case 0: return .same
    case 1: return .before
    case 2: return .after
    default: break
    }
    guard lhs.process == rhs.process else { throw Errno(rawValue: Int32(truncatingIfNeeded: -raw)) }
    let isSame = try control(lhs.number, Command.duplicateQuery, Int(rhs.number)) == 1
    return isSame ? .same : .different
  }

  /// Whether entry `slot` of an epoll set watches what a descriptor refers to, `nil`: can't be said.
  ///
  /// - Parameter place: which of the entries of that number, in the order of the set: one may be
  ///   there several times, of files that had it one after another.
  ///
  /// Source: kcmp(2), KCMP_EPOLL_TFD.
  public static func isWatched(
    _ descriptor: ProcessDescriptor, by epoll: ProcessDescriptor, as slot: Int32,
    place: UInt32 = 0
  ) -> Bool? {
    var slot = (UInt32(bitPattern: epoll.number), UInt32(bitPattern: slot), place)
    let raw = try? withAddress(of: &slot) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.kcmp, Int(descriptor.process), Int(epoll.process), 7,
        Int(descriptor.number), address.argument)
    }
    guard let raw else { return nil }
    return raw == 0
  }

  /// Moves the position of a file.
  ///
  /// Source: lseek(2).
  @discardableResult
  public static func seek(
    _ number: Int32, to offset: UInt64, _ origin: SeekOrigin = .start
  ) throws(Errno) -> UInt64 {
    UInt64(
      try systemCall(
        SyscallNumber.lseek, Int(number), Int(bitPattern: UInt(offset)), origin.rawValue))
  }

  /// Source: lseek(2), `whence`.
  public enum SeekOrigin: Int, Sendable { case start = 0, current, end, data, hole }

  /// Reads where a link of /proc leads.
  ///
  /// - Returns: bytes put at `buffer`, at most `capacity`, not NUL-terminated.
  ///
  /// Source: readlink(2).
  public static func readLink(
    path: Address, to buffer: Address, capacity: Int
  ) throws(Errno) -> Int {
    try systemCall(SyscallNumber.readlink, path.argument, buffer.argument, capacity)
  }

  /// Source: poll(2), `events`.
  public enum Poll {
    public static let input: Int16 = 1
    public static let output: Int16 = 4
    public static let error: Int16 = 8
    public static let hangUp: Int16 = 0x10
    public static let readHangUp: Int16 = 0x2000
  }

  /// What poll(2) says of one descriptor, without waiting.
  public static func poll(_ number: Int32, for events: Int16) throws(Errno) -> Int16 {
    var entry = (number, events, Int16(0))
    try withAddress(of: &entry) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 1, 0)
    }
    return entry.2
  }

  /// Bytes that can be read now.
  ///
  /// Source: ioctl_tty(2), FIONREAD; pipe(7), tcp(7).
  public static func readable(_ number: Int32) throws(Errno) -> Int {
    var count = Int32(0)
    try withAddress(of: &count) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x541B, address.argument)
    }
    return Int(count)
  }
}

/// An entry of a process's descriptor table.
public struct ProcessDescriptor: Equatable, Sendable, BitwiseCopyable {
  /// A thread of the process: a PID, or a TID where the main thread may have ended.
  public var process: Int32
  public var number: Int32
  public init(process: Int32, number: Int32) {
    self.process = process
    self.number = number
  }
}

extension Descriptors {
  /// Closes the whole table except for two; -1 stands for none.
  public static func closeAll(but one: Int32, _ other: Int32 = -1) {
    closeAll(but: 2) { $0 == 0 ? one : other }
  }

  /// Closes the whole table except for `count` numbers; -1 stands for none.
  ///
  /// Source: close_range(2), Linux 5.9; before, the first 1,024 by hand.
  public static func closeAll(but count: Int, _ kept: (Int) -> Int32) {
    var next: Int32 = 0
    while true {
      var lowest = Int32.max
      for index in 0..<count where kept(index) >= next { lowest = min(lowest, kept(index)) }
      guard lowest < .max else { break }
      close(from: next, to: lowest - 1)
      next = lowest + 1
    }
    close(from: next, to: .max)
  }

  private static func close(from first: Int32, to last: Int32) {
    guard first <= last else { return }
    guard rawSystemCall(SyscallNumber.closeRange, Int(first), Int(last)) != 0 else { return }
    guard first <= 1023 else { return }
    for number in first...min(last, 1023) { closeDescriptor(number) }
  }
}
