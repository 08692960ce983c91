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
/// | `CKPT_TRACE` | file to which a trace of every checkpoint is appended | none |
/// | `CKPT_SYNC` | 1: write in place; 0: never, even where memory looks short | as memory allows |
/// | `CKPT_INCREMENTAL` | 1: only what changed; `digests`: found by digests | 0 |
/// | `CKPT_FULL_EVERY` | every so many-th image of an incremental series is full, 1...4096 | 16 |
/// | `CKPT_PRECOPY` | 1: copy most of the memory before the program stops | 0 |
/// | `CKPT_THIN` | 1: leave out pages that equal their file | 0 |
/// | `CKPT_INTERVAL` | time between periodic checkpoints: 90, 500ms, 30s, 10m, 2h, 1d | none |
/// | `CKPT_KEEP` | images of the series to keep, 0: all | 0 |
///
/// They are read once, when the program starts. A value that can't be used is reported on standard
/// error and the default taken. docs/ckpt-config.7.md says the same for people.
struct Configuration: BitwiseCopyable {
  /// A second signal that asks for a checkpoint, for `ckpt save`: programs that use the first one
  /// themselves (Java stops its threads with SIGUSR2) leave the last real-time signal alone.
  static let controlSignal: Int32 = 64

  /// Longest `CKPT_FILE`, in bytes.
  static let fileCapacity = 1024

  /// Who writes an image.
  enum Writing: UInt8, BitwiseCopyable {
    /// A copy-on-write clone where there is memory for the copies, else in place.
    case automatic
    case inPlace
    case byClone
  }

  /// How what changed since the last image is found.
  enum Tracking: UInt8, BitwiseCopyable {
    /// Not at all: every image is full.
    case none

    /// By the kernel's write protection; where it has none, by digests.
    case writes
    case digests
  }

  var signal: Int32 = Signal.user2
  var timeoutSeconds: UInt32 = 10
  var isVerbose = false
  var file = InlineArray<1024, UInt8>(repeating: 0)

  /// Bytes of `file`, 0: the default.
  var fileByteCount = 0

  /// The file of the trace, NUL-terminated.
  var traceFile = InlineArray<1024, UInt8>(repeating: 0)

  /// Bytes of `traceFile`, 0: there is none.
  var traceByteCount = 0

  var writing = Writing.automatic
  var tracking = Tracking.none

  /// Every so many-th image of an incremental series is full, 1...4096.
  var fullEvery: UInt32 = 16
  var precopies = false
  var isThin = false

  /// Nanoseconds between periodic checkpoints, 0: there are none.
  var interval: UInt64 = 0

  /// Images of the series that stay, 0: all.
  var keep: UInt32 = 0

  /// Whether images make a series: numbered, with a link to the newest.
  var isSeries: Bool { interval > 0 || keep > 0 || tracking != .none || wasAskedForChanges }

  /// Whether `ckpt save --incremental` came: from then on no image may take its parent's place.
  var wasAskedForChanges = false

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
      parseTimeout(&cursor)
    } else if cursor.take("VERBOSE=") {
      isVerbose = (cursor.number() ?? 0) != 0
    } else if cursor.take("TRACE=") {
      parseTrace(&cursor)
    } else {
      parseSeriesVariable(&cursor)
    }
  }
}
