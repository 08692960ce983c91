internal import Kernel
internal import KernelABI
internal import Procfs

/// What the environment says: the one list of the agent's variables.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `CKPT_FILE` | image to write; `%p` PID, `%n` program name, `%t` seconds since 1970, `%c` counter, `%%` | `myckpt` |
/// | `CKPT_SIGNAL` | signal that asks for a checkpoint, a number 1...64 or `USR1`, `USR2` | `USR2` |
/// | `CKPT_TIMEOUT` | seconds to wait for all threads to stop, 1...3600 | 10 |
/// | `CKPT_VERBOSE` | 1: a line on standard error after every checkpoint | 0 |
///
/// They are read once, when the program starts. A value that can't be used is reported on standard
/// error and the default taken. docs/ckpt-config.7.md says the same for people.
struct Configuration: BitwiseCopyable {
  /// A second signal that asks for a checkpoint, for `ckpt save`: programs that use the first one
  /// themselves (Java stops its threads with SIGUSR2) leave the last real-time signal alone.
  static let controlSignal: Int32 = 64

  /// Longest `CKPT_FILE`, in bytes.
  static let fileCapacity = 1024

  var signal: Int32 = Signal.user2
  var timeoutSeconds: UInt32 = 10
  var isVerbose = false
  var file = InlineArray<1024, UInt8>(repeating: 0)

  /// Bytes of `file`, 0: the default.
  var fileByteCount = 0

  /// Bytes of environment that are looked at.
  private static let environmentCapacity: UInt64 = 4 << 20

  /// Whether `signal` asks for a checkpoint.
  func isTrigger(_ signal: Int32) -> Bool {
    signal == self.signal || signal == Self.controlSignal
  }

  /// Reads /proc/self/environ: unlike the arguments of a constructor it is there in every libc.
  mutating func readEnvironment() throws(Errno) {
    let file = try FileDescriptor("/proc/self/environ", .readOnly)
    let room = try Arena(mapping: Self.environmentCapacity).range
    let count = try? file.readToEnd(to: room.start, capacity: room.byteCount)
    parse(Memory.bytes(at: room.start, count: Int(count ?? 0)))
    try Mapping.unmap(room)
  }

  /// Takes what is meant for the agent from `NAME=value` strings, each ended by a NUL.
  mutating func parse(_ environment: RawSpan) {
    var cursor = TextCursor(environment)
    while !cursor.isAtEnd {
      if cursor.take("CKPT_") { parseVariable(&cursor) }
      while let byte = cursor.current, byte != 0 { cursor.skip() }
      cursor.skip()
    }
  }

  private mutating func parseVariable(_ cursor: inout TextCursor) {
    if cursor.take("FILE=") {
      parseFile(&cursor)
    } else if cursor.take("SIGNAL=") {
      parseSignal(&cursor)
    } else if cursor.take("TIMEOUT=") {
      guard let seconds = cursor.number(), (1...3600).contains(seconds), Self.isAtEnd(cursor)
      else { return Self.complain("CKPT_TIMEOUT is not 1...3600 seconds: 10 is used") }
      timeoutSeconds = UInt32(seconds)
    } else if cursor.take("VERBOSE=") {
      isVerbose = (cursor.number() ?? 0) != 0
    }
  }

  private mutating func parseFile(_ cursor: inout TextCursor) {
    var count = 0
    while let byte = cursor.current, byte != 0 {
      guard count < Self.fileCapacity else {
        fileByteCount = 0
        return Self.complain("CKPT_FILE is longer than 1024 bytes: myckpt is used")
      }
      file[count] = byte
      count += 1
      cursor.skip()
    }
    fileByteCount = count
  }

  private mutating func parseSignal(_ cursor: inout TextCursor) {
    _ = cursor.take("SIG")
    var wanted: UInt64?
    if cursor.take("USR1") {
      wanted = 10
    } else if cursor.take("USR2") {
      wanted = 12
    } else {
      wanted = cursor.number()
    }
    guard let number = wanted, Self.isAtEnd(cursor), Self.isUsable(number) else {
      return Self.complain("CKPT_SIGNAL is not a signal that can be used: USR2 is used")
    }
    signal = Int32(number)
  }

  /// Not KILL or STOP, which can't be caught, nor the ones that a fault raises.
  private static func isUsable(_ number: UInt64) -> Bool {
    switch number {
    case 4, 5, 7, 8, 9, 11, 19, 31: false
    default: (1...64).contains(number)
    }
  }

  private static func isAtEnd(_ cursor: borrowing TextCursor) -> Bool {
    (cursor.current ?? 0) == 0
  }

  private static func complain(_ text: StaticString) {
    var line = Line("ckpt: ")
    line.append(text)
    line.append("\n")
    line.write(to: 2)
  }
}
