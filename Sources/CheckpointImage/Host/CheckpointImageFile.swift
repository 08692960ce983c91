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

  init(_ head: ImageHead) {
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

  /// Of the image that this one is a change to.
  public var parent: String?

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
    identity = Self.hexadecimal(image.identity_high, image.identity_low)
    parent =
      image.parent_low | image.parent_high == 0
      ? nil : Self.hexadecimal(image.parent_high, image.parent_low)
    counter = image.counter
    realtime = image.realtime
    monotonic = image.monotonic
    boottime = image.boottime
    label = head.optionalText(image.label)
    fileByteCount = head.index.fileByteCount
    headByteCount = head.index.headByteCount
    pieceCount = head.index.pieceCount
  }

  private static func hexadecimal(_ high: UInt64, _ low: UInt64) -> String {
    [high, low].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
