public import CheckpointImage

/// All that is shown of an image.
public struct Inspection: Sendable {
  public var file: CheckpointImageFile
  public var totals: Totals
  public var needs: MachineNeeds

  /// By thread, in the order of `file.threads`; `nil` when not asked for.
  public var backtraces: [Backtrace]?

  public struct Totals: Codable, Equatable, Sendable {
    public var regions = 0

    /// Bytes of address space.
    public var mapped: UInt64 = 0

    /// Bytes of memory that are in the image.
    public var stored: UInt64 = 0

    /// Bytes of shared memory, unlinked files and queues that are in the image.
    public var objects: UInt64 = 0

    init(_ file: CheckpointImageFile) {
      regions = file.regions.count
      for region in file.regions {
        mapped += region.byteCount
        stored += region.storedByteCount
      }
      for object in file.objects { objects += object.storedByteCount }
    }
  }

  public init(path: String, withBacktraces: Bool) throws(ImageFailure) {
    let image = try ImageFile(path: path)
    file = try image.contents()
    totals = Totals(file)
    needs = MachineNeeds(file.machine)
    backtraces = withBacktraces ? Backtrace.all(of: file, at: path) : nil
  }
}

extension Inspection: Encodable {
  private enum CodingKeys: CodingKey { case totals, needs, backtraces }

  /// The members of the file and these, side by side in one object.
  public func encode(to encoder: any Encoder) throws {
    try file.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(totals, forKey: .totals)
    try container.encode(needs, forKey: .needs)
    try container.encodeIfPresent(backtraces, forKey: .backtraces)
  }
}
