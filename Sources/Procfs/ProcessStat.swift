/// Fields of /proc/PID/stat that nothing else tells.
public struct ProcessStat: Equatable, Sendable, BitwiseCopyable {
  /// The letter: R, S, D, T, Z, X.
  public var state: UInt8 = 0

  /// The kernel's own, PF_ of `include/linux/sched.h`.
  public var flags: UInt64 = 0
  public var threadCount: UInt64 = 0

  /// When it started, in clock ticks since the machine did: with its PID it names one process.
  public var startTime: UInt64 = 0

  /// Signals 1 to 31 that wait for the thread, a bit each.
  public var pendingSignals: UInt64 = 0
  public var parent: Int32 = 0
  public var group: Int32 = 0
  public var session: Int32 = 0

  /// The device number of the controlling terminal, 0: none.
  public var terminalDevice: Int32 = 0

  /// Its foreground process group.
  public var terminalGroup: Int32 = 0
  public var startCode: UInt64 = 0
  public var endCode: UInt64 = 0
  public var startStack: UInt64 = 0

  /// The CPU it ran on last.
  public var processor: Int32 = 0
  public var startData: UInt64 = 0
  public var endData: UInt64 = 0
  public var startBreak: UInt64 = 0
  public var argumentStart: UInt64 = 0
  public var argumentEnd: UInt64 = 0
  public var environmentStart: UInt64 = 0
  public var environmentEnd: UInt64 = 0

  /// - Returns: `nil` when fields are missing.
  ///
  /// Source: proc_pid_stat(5); the name, field 2, may hold anything, so its end is the last `)`.
  public init?(_ bytes: RawSpan) {
    var nameEnd = -1
    for index in 0..<bytes.byteCount where bytes.byte(at: index) == 0x29 { nameEnd = index }
    guard nameEnd >= 0 else { return nil }
    var cursor = TextCursor(bytes)
    cursor.skip(nameEnd + 1)
    var field = 3
    while field <= 51 {
      cursor.skipBlanks()
      if field == 3 {
        state = cursor.current ?? 0
        guard cursor.skipWord() > 0 else { return nil }
      } else {
        guard let value = cursor.signedNumber() else { return nil }
        note(value, field: field)
      }
      field += 1
    }
  }

  private mutating func note(_ value: Int64, field: Int) {
    let number = Int32(truncatingIfNeeded: value)
    let address = UInt64(bitPattern: value)
    switch field {
    case 4: parent = number
    case 5: group = number
    case 6: session = number
    case 7: terminalDevice = number
    case 8: terminalGroup = number
    case 9: flags = address
    case 20: threadCount = address
    case 22: startTime = address
    case 26: startCode = address
    case 27: endCode = address
    case 28: startStack = address
    case 31: pendingSignals = address
    case 39: processor = number
    case 45: startData = address
    case 46: endData = address
    case 47: startBreak = address
    case 48: argumentStart = address
    case 49: argumentEnd = address
    case 50: environmentStart = address
    case 51: environmentEnd = address
    default: break
    }
  }
}
