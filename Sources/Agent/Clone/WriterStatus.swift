internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Memory that the program and the clone that writes its image share.
///
/// Mapped from before the clone is made until the next checkpoint begins; it is no part of any image.
struct WriterStatus: BitwiseCopyable {
  /// How far the clone is.
  enum Stage: UInt32, BitwiseCopyable {
    /// It copies what it shares with the program, which has to wait.
    case preparing = 0

    /// It has all it needs: the program may go on.
    case writing = 1

    /// It could not get what it needs: the program has to write the image itself.
    case gaveUp = 2

    /// It lacks regions that are not inherited (MADV_DONTFORK); they are in the table.
    case lacksRegions = 3

    /// It is done with the image, for better or worse, and ends.
    case done = 4

    /// A precopy process copies while the program runs; see `Precopy`.
    case copying = 5

    /// A precopy process has copied almost everything.
    case ready = 6

    /// What it copied is being made into an image.
    case taken = 7
  }

  /// What came of the image.
  enum Result: UInt32, BitwiseCopyable { case unknown = 0, durable = 1, failed = 2 }

  let range: AddressRange

  static let byteCount: UInt64 = 16 << 10
  private static let tableOffset = CKPT_WRITER_STATUS_BYTES
  private static let pathOffset = byteCount - Lineage.pathCapacity
  static let tableCapacity = Int((pathOffset - tableOffset) / 16)

  /// - Throws: `outOfMemory` when the program's limits leave no room.
  static func map() throws(Errno) -> WriterStatus {
    let start = try Mapping.map(
      byteCount: byteCount, .read | .write, .shared | .anonymous)
    guard let range = AddressRange(start: start, byteCount: byteCount) else { throw .outOfMemory }
    return WriterStatus(range: range)
  }

  private init(range: AddressRange) { self.range = range }

  /// One that was mapped before.
  init(at address: UInt64) {
    range = AddressRange(start: Address(address), byteCount: Self.byteCount) ?? .empty
  }

  var stageWord: FutexWord { FutexWord(at: range.start, isShared: true) }
  var stage: Stage { Stage(rawValue: stageWord.value) ?? .done }

  /// Changes the stage and wakes who waits for it.
  func enter(_ stage: Stage) {
    stageWord.store(stage.rawValue)
    stageWord.wakeAll()
  }

  /// The signal of a request that came while the clone was at work, 0: none.
  var pending: FutexWord { FutexWord(at: range.start + CKPT_AT_WRITER_PENDING, isShared: true) }

  var resultWord: FutexWord { FutexWord(at: range.start + CKPT_AT_WRITER_RESULT, isShared: true) }
  var result: Result { Result(rawValue: resultWord.value) ?? .unknown }

  /// PID of the clone, 0: none yet.
  var processWord: FutexWord { FutexWord(at: range.start + CKPT_AT_WRITER_PROCESS, isShared: true) }
  var process: Int32 { Int32(bitPattern: processWord.value) }

  /// Nanoseconds that the program stood still, 0 until it goes on.
  var pause: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_WRITER_PAUSE) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_WRITER_PAUSE) }
  }

  /// When the clone started, in the ticks of /proc/PID/stat, 0: not noted.
  var startTime: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_WRITER_START_TIME) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_WRITER_START_TIME) }
  }

  /// What is to be known of the image when it is safe on disk; its path lies at `path`.
  var record: Lineage.Record {
    get { Memory.load(at: range.start + CKPT_AT_WRITER_RECORD) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_WRITER_RECORD) }
  }

  /// Room for `Lineage.pathCapacity` bytes.
  var path: Address { range.start + Self.pathOffset }

  // MARK: A failure

  private var errnoWord: FutexWord {
    FutexWord(at: range.start + CKPT_AT_WRITER_ERROR, isShared: true)
  }

  /// Why there is no image: a clone that left no word was ended.
  var errno: Errno {
    errnoWord.value == 0 ? .noChild : Errno(rawValue: Int32(bitPattern: errnoWord.value))
  }

  /// The sentence for it, NUL-terminated, where the path would be.
  var sentence: Address {
    if errnoWord.value == 0 {
      var line = Line(
        "no checkpoint: the process that wrote the image was ended (ECHILD); was memory short?")
      Sentences.store(&line, at: path)
    }
    return path
  }

  func note(_ failure: CaptureFailure) {
    let errno = failure.errno.rawValue != 0 ? failure.errno : failure.reason.errno
    var line = Report.sentence(of: failure)
    Sentences.store(&line, at: path)
    errnoWord.store(UInt32(bitPattern: errno.rawValue))
  }

  // MARK: Regions that were not inherited

  var count: Int {
    get { Int(Memory.load(UInt32.self, at: range.start + CKPT_AT_WRITER_REGION_COUNT)) }
    nonmutating set {
      Memory.store(UInt32(newValue), at: range.start + CKPT_AT_WRITER_REGION_COUNT)
    }
  }

  subscript(index: Int) -> AddressRange {
    let entry = range.start + Self.tableOffset + UInt64(index * 16)
    return AddressRange(
      start: Memory.load(UInt64.self, at: entry), end: Memory.load(UInt64.self, at: entry + 8))
      ?? .empty
  }

  /// - Returns: false when the table is full.
  func append(_ lacking: AddressRange) -> Bool {
    guard count < Self.tableCapacity else { return false }
    let entry = range.start + Self.tableOffset + UInt64(count * 16)
    Memory.store(lacking.start.rawValue, at: entry)
    Memory.store(lacking.end.rawValue, at: entry + 8)
    count += 1
    return true
  }

  // MARK: The clone's life

  /// Sends the program the signal again that waited for its turn, if one did.
  func callWaiting(of program: Int32) throws(Errno) {
    let signal = pending.value
    if signal != 0, pending.exchange(signal, for: 0) {
      try Process.send(Int32(bitPattern: signal), to: program)
    }
  }

  /// The clone's last word: what came of it, and who may have the next turn.
  func finish(_ result: Result, program: Int32) {
    resultWord.store(result.rawValue)
    enter(.done)
    try? callWaiting(of: program)
  }

  /// Whether the clone still exists, and is not merely waiting to be reaped.
  func isAlive() -> Bool {
    let process = process
    guard process > 0, let stat = Self.stat(of: process) else { return false }
    let isEnded = stat.state == 0x5A || stat.state == 0x58  // Z, X
    return !isEnded && (startTime == 0 || stat.startTime == startTime)
  }

  /// Notes which process the calling one is.
  func noteSelf() {
    let process = Process.ownID
    startTime = Self.stat(of: process)?.startTime ?? 0
    processWord.store(UInt32(bitPattern: process))
  }

  private static let statCapacity = 1024

  private static func stat(of process: Int32) -> ProcessStat? {
    var path = Line("/proc/")
    path.append(decimal: UInt64(process))
    path.append("/stat")
    var text = InlineArray<128, UInt64>(repeating: 0)
    let stat = try? path.withPath { (path) throws(Errno) in
      let file = try FileDescriptor(path: path, .readOnly)
      return try withAddress(of: &text) { (address) throws(Errno) in
        let count = try file.readToEnd(to: address, capacity: UInt64(statCapacity))
        return ProcessStat(Memory.bytes(at: address, count: Int(count)))
      }
    }
    return stat ?? nil
  }
}
