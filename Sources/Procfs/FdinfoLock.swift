/// A lock that a descriptor's owner holds, from a `lock:` line of fdinfo.
///
/// Source: `fs/locks.c`, lock_get_status; proc_locks(5).
public struct FdinfoLock: Equatable, Sendable, BitwiseCopyable {
  public enum Kind: UInt32, Sendable, BitwiseCopyable {
    case posix = 1
    case description = 2
    case flock = 3
    case lease = 4
  }

  public let kind: Kind
  public let isExclusive: Bool

  /// First byte, and how many; 0: to the end.
  public let start: UInt64
  public let byteCount: UInt64
}

extension TextCursor {
  /// The next lock; lines that are none, or of a kind not known here, are skipped.
  @_lifetime(self: copy self)
  public mutating func nextLock() -> FdinfoLock? {
    while skipToLine("lock:") {
      if let lock = lock() { return lock }
    }
    return nil
  }

  /// `1: POSIX  ADVISORY  WRITE 17287 fe:00:16220742 10 14`.
  @_lifetime(self: copy self)
  private mutating func lock() -> FdinfoLock? {
    guard number() != nil, take(": "), let kind = lockKind() else { return nil }
    skipNextWord()  // ADVISORY
    skipBlanks()
    let isExclusive = take("WRITE")
    guard isExclusive || take("READ") else { return nil }
    skipNextWord()  // PID
    skipNextWord()  // device and inode
    skipBlanks()
    guard let start = number() else { return nil }
    skipBlanks()
    if take("EOF") {
      return FdinfoLock(kind: kind, isExclusive: isExclusive, start: start, byteCount: 0)
    }
    guard let last = number(), last >= start else { return nil }
    return FdinfoLock(
      kind: kind, isExclusive: isExclusive, start: start, byteCount: last &- start &+ 1)
  }

  @_lifetime(self: copy self)
  private mutating func lockKind() -> FdinfoLock.Kind? {
    if take("POSIX") { return .posix }
    if take("OFDLCK") { return .description }
    if take("FLOCK") { return .flock }
    if take("LEASE") { return .lease }
    return nil
  }

  @_lifetime(self: copy self)
  private mutating func skipNextWord() {
    skipBlanks()
    skipWord()
  }
}
