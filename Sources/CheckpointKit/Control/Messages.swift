internal import CImage

/// The version of the control socket's records that this `ckpt` speaks.
public let controlProtocolVersion = UInt32(CKPT_PROTOCOL_VERSION)

/// A random value that the agent gets with the signal and by which it finds our socket.
public struct ControlToken: Equatable, Sendable {
  public let rawValue: UInt64

  /// Puts the tag by which the agent tells ours from a program's own sigqueue(3) on top of 48
  /// random bits.
  public init(random: UInt64) {
    rawValue = UInt64(CKPT_PROTOCOL_TOKEN_TAG) << 48 | random & (1 << 48 - 1)
  }

  /// The abstract socket's name, without the zero byte in front.
  public var socketName: String {
    let digits = String(rawValue, radix: 16)
    return "ckpt-" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// What `ckpt` asks of the agent.
public struct ControlRequest: Equatable, Sendable {
  public var token: ControlToken
  public var passesDescriptor = false

  /// Whether the agent is to send its trace.
  public var wantsTrace = false
  public var kills = false
  public var freezes = false
  public var manner = SaveManner()

  /// Whether the descriptor is a pipe, and how many milliseconds it may be full; 0: a minute.
  public var isStream = false
  public var streamPatience: UInt32 = 0
  public var rounds = SaveOrder.PrecopyPart.none

  /// With a descriptor: the absolute name that the file will have.
  public var path = ""
  public var label = ""
  public var sampledThread: Int32 = 0
  public var sample = ThreadSample.unknown

  public init(token: ControlToken) { self.token = token }

  /// The message as it goes over the socket.
  public var encoded: [UInt8] {
    var flags = manner.flags
    if passesDescriptor { flags |= CKPT_REQUEST_DESCRIPTOR }
    if kills { flags |= CKPT_REQUEST_KILL }
    if freezes { flags |= CKPT_REQUEST_FREEZE }
    if wantsTrace { flags |= CKPT_REQUEST_TRACE }
    if isStream { flags |= CKPT_REQUEST_STREAM }
    switch rounds {
    case .none: break
    case .first: flags |= CKPT_REQUEST_ROUNDS
    case .over: flags |= CKPT_REQUEST_BEHIND_ROUNDS
    }
    // A path that is too long for a message is as good as none.
    let isLong = path.utf8.count >= Int(CKPT_PROTOCOL_PATH_BYTES)
    let pathBytes = isLong ? [] : Array(path.utf8)
    let labelBytes = Array(label.utf8)
    let request = ckpt_request(
      version: UInt32(CKPT_PROTOCOL_VERSION), flags: flags, token: token.rawValue,
      sampled_tid: sampledThread, path_bytes: UInt32(pathBytes.count),
      label_bytes: UInt32(labelBytes.count), stream_patience: streamPatience,
      sampled_call: sample.call,
      sampled_sp: sample.stackPointer,
      sampled_pc: sample.programCounter, sampled_waited: sample.waited)
    return bytes(of: request) + pathBytes + labelBytes
  }
}

/// How an image is to be made; what is false is for the program's own settings to say.
public struct SaveManner: Equatable, Sendable {
  public var isInPlace = false
  public var isIncremental = false
  public var isFull = false
  public var precopies = false
  public var isThin = false

  /// A snapshot executable.
  public var isExecutable = false

  public init() {}

  var flags: UInt32 {
    var flags: UInt32 = 0
    if isInPlace { flags |= CKPT_REQUEST_SYNC }
    if isIncremental { flags |= CKPT_REQUEST_INCREMENTAL }
    if isFull { flags |= CKPT_REQUEST_FULL }
    if precopies { flags |= CKPT_REQUEST_PRECOPY }
    if isThin { flags |= CKPT_REQUEST_THIN }
    if isExecutable { flags |= CKPT_REQUEST_EXECUTABLE }
    return flags
  }
}

/// What the agent says.
public enum ControlReport: Equatable, Sendable {
  case progress(Progress)
  case done(Written)
  case failed(AgentFailure)

  /// Another checkpoint is being written: ask again.
  case waiting

  /// The program defers checkpoints: the agent calls again, unasked.
  case deferred

  /// Memory is being copied while the program runs.
  case copying

  /// Lines of the trace.
  case trace(String)

  /// Bytes of the image.
  public struct Progress: Equatable, Sendable {
    public var done: UInt64
    public var total: UInt64

    public init(done: UInt64, total: UInt64) {
      self.done = done
      self.total = total
    }
  }

  public struct Written: Equatable, Sendable {
    public var byteCount: UInt64

    /// Nanoseconds the program stood still.
    public var pause: UInt64

    /// Nanoseconds until the image was safe on disk.
    public var duration: UInt64
    public var threads: UInt32
    public var counter: UInt32
    public var path: String

    /// `nil` for one that a newer agent knows.
    public var mode: Mode?

    /// Why in place; `nil` for other modes.
    public var cause: Cause?

    /// Whether it is a change to another image.
    public var isIncremental: Bool

    /// Whether pages were left out because their file has them.
    public var isThin: Bool
  }

  /// How an image was made; raw values are the protocol's.
  public enum Mode: UInt32, Sendable {
    case inPlace = 1
    case copyOnWrite = 2
    case precopy = 3
  }

  /// Why the program had to stand still meanwhile; raw values are the protocol's.
  public enum Cause: UInt32, Sendable {
    case asked = 1
    case memoryShort = 2
    case little = 3
    case noClone = 4
  }

  public enum DecodingFailure: Error, Equatable, Sendable {
    case otherVersion(UInt32)
    case malformed
  }

  public init(_ message: [UInt8]) throws(DecodingFailure) {
    guard let version = value(UInt32.self, in: message) else { throw .malformed }
    guard version == UInt32(CKPT_PROTOCOL_VERSION) else { throw .otherVersion(version) }
    guard let report = value(ckpt_report.self, in: message) else { throw .malformed }
    let size = MemoryLayout<ckpt_report>.size
    guard report.path_bytes <= UInt32(CKPT_PROTOCOL_PATH_BYTES),
      message.count >= size + Int(report.path_bytes)
    else { throw .malformed }
    let path = String(decoding: message[size..<(size + Int(report.path_bytes))], as: UTF8.self)
    switch report.kind {
    case CKPT_REPORT_PROGRESS:
      self = .progress(Progress(done: report.bytes_done, total: report.bytes_total))
    case CKPT_REPORT_DONE: self = .done(Written(report, path: path))
    case CKPT_REPORT_FAILED: self = .failed(AgentFailure(report, name: path))
    case CKPT_REPORT_WAITING: self = .waiting
    case CKPT_REPORT_DEFERRED: self = .deferred
    case CKPT_REPORT_COPYING: self = .copying
    case CKPT_REPORT_TRACE: self = .trace(path)
    default: throw .malformed
    }
  }
}

extension ControlReport.Written {
  fileprivate init(_ report: ckpt_report, path: String) {
    byteCount = report.bytes_total
    pause = report.pause
    duration = report.duration
    threads = report.threads
    counter = report.counter
    self.path = path
    mode = ControlReport.Mode(rawValue: report.mode)
    cause = ControlReport.Cause(rawValue: report.cause)
    isIncremental = report.flags & CKPT_RESULT_INCREMENTAL != 0
    isThin = report.flags & CKPT_RESULT_THIN != 0
  }
}

extension AgentFailure {
  fileprivate init(_ report: ckpt_report, name: String) {
    self.init(
      step: report.step, errno: report.error, subject: report.subject, reason: report.detail,
      name: name)
  }
}

/// The last word: whether the image counts.
public enum ControlDecision: Equatable, Sendable {
  case keep, discard

  public var encoded: [UInt8] {
    bytes(
      of: ckpt_commit(
        version: UInt32(CKPT_PROTOCOL_VERSION),
        decision: self == .keep ? CKPT_COMMIT_KEEP : CKPT_COMMIT_DISCARD))
  }
}
