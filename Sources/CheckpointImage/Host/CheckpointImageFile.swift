internal import CImage

/// What an image says, for people and for `--json`.
///
/// Read from the head alone, all of which was checked; `verify` looks at the data.
public struct CheckpointImageFile: Codable, Sendable {
  public var image: ImageSummary
  public var process: ProcessSummary
  public var machine: MachineSummary
  public var threads: [ThreadSummary]
  public var regions: [RegionSummary]
  public var objects: [ObjectSummary]
  public var files: [FileSummary]
  public var descriptors: [DescriptorSummary]
  public var signals: [SignalSummary]
  public var pendingSignals: [PendingSignalSummary]
  public var timers: [TimerSummary]
  public var limits: [LimitSummary]

  /// - Throws: `ImageError`, or what the source throws.
  public init(from source: inout some ImageSource & ~Copyable) throws {
    self.init(try ImageHead(from: &source))
  }

  public init(_ head: ImageHead) {
    let index = head.index
    image = ImageSummary(head)
    process = ProcessSummary(head)
    machine = MachineSummary(head)
    threads = head.entries(index.threads).map { ThreadSummary($0) }
    regions = RegionSummary.all(head)
    objects = ObjectSummary.all(head)
    files = head.entries(index.files).map { FileSummary($0, head) }
    descriptors = head.entries(index.descriptors).map { DescriptorSummary($0) }
    signals = SignalSummary.all(head)
    pendingSignals = head.entries(index.pending).map { PendingSignalSummary($0) }
    timers = head.entries(index.timers).map { TimerSummary($0) }
    limits = head.entries(index.limits).map { LimitSummary($0) }
  }
}

/// The image as such.
public struct ImageSummary: Codable, Sendable {
  public var formatVersion: UInt32

  /// 32 hexadecimal digits.
  public var identity: String

  /// The image that this one is a change to.
  public var parent: ParentSummary?

  /// How many-th checkpoint of the process, from 1.
  public var counter: UInt32

  /// When, in ns since 1970; and on the process's own clocks.
  public var realtime: UInt64
  public var monotonic: UInt64
  public var boottime: UInt64
  public var label: String?
  public var fileByteCount: UInt64
  public var headByteCount: UInt64
  public var pieceCount: UInt64

  init(_ head: ImageHead) {
    let image: ckpt_image = head.entries(head.index.image)[0]
    formatVersion = image.format_version
    identity = ImageIdentity(low: image.identity_low, high: image.identity_high).description
    parent = head.parent.map { ParentSummary($0) }
    counter = image.counter
    realtime = image.realtime
    monotonic = image.monotonic
    boottime = image.boottime
    label = head.optionalText(image.label)
    fileByteCount = head.index.fileByteCount
    headByteCount = head.index.headByteCount
    pieceCount = head.index.pieceCount
  }
}

/// The image that has what another one says is its parent's.
public struct ParentSummary: Codable, Sendable {
  /// 32 hexadecimal digits.
  public var identity: String

  /// Of its file, looked for beside the image first.
  public var name: String

  /// Where it was when the image was written.
  public var path: String?

  /// How many images are needed besides the one that says so: 1 when the parent stands alone.
  public var depth: UInt32

  init(_ parent: ImageParent) {
    identity = parent.identity.description
    name = parent.name
    path = parent.path
    depth = parent.depth
  }
}
