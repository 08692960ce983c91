public import CheckpointImage

/// All that is shown of an image.
public struct Inspection: Sendable {
  /// The image, as it was named.
  public let path: String
  public var file: CheckpointImageFile
  public var totals: Totals
  public var needs: MachineNeeds

  /// The images that this one needs, its parent first; `nil` when it stands alone.
  public var chain: ChainState?

  /// What can be found of the images that an image needs.
  public enum ChainState: Sendable {
    case found([Ancestor])
    case broken(ChainFailure)
  }

  public struct Ancestor: Codable, Equatable, Sendable {
    public var path: String

    /// 32 hexadecimal digits.
    public var identity: String
    public var byteCount: UInt64
  }

  private static func chain(of path: String) -> ChainState {
    do throws(ChainFailure) {
      let chain = try FileChain(path: path)
      return .found(
        zip(chain.files, chain.images.heads).dropFirst().map { file, head in
          Ancestor(
            path: file.path, identity: head.identity.description, byteCount: head.fileByteCount)
        })
    } catch {
      return .broken(error)
    }
  }

  /// By thread, in the order of `file.threads`; `nil` when not asked for.
  public var backtraces: [Backtrace]?

  public struct Totals: Codable, Equatable, Sendable {
    public var regions = 0

    /// Bytes of address space.
    public var mapped: UInt64 = 0

    /// Bytes of memory that are in the image.
    public var stored: UInt64 = 0

    /// Bytes of memory that are in parents, and in files that the program has mapped.
    public var parents: UInt64 = 0
    public var files: UInt64 = 0

    /// Bytes of shared memory, unlinked files and queues that are in the image.
    public var objects: UInt64 = 0

    /// Whether the image has all of the memory itself.
    var isWhole: Bool { parents == 0 && files == 0 }

    init(_ file: CheckpointImageFile) {
      regions = file.regions.count
      for region in file.regions {
        mapped += region.byteCount
        stored += region.storedByteCount
        parents += region.parentByteCount
        files += region.fileByteCount
      }
      for object in file.objects { objects += object.storedByteCount }
    }
  }

  /// Of an image that goes by: there is nothing to be read of it again.
  init(passing head: ImageHead) {
    path = "-"
    file = CheckpointImageFile(head)
    totals = Totals(file)
    needs = MachineNeeds(file.machine)
  }

  public init(path: String, withBacktraces: Bool) throws(ImageFailure) {
    self.path = path
    let image = try ImageFile(path: path)
    let head = try image.head()
    file = CheckpointImageFile(head)
    totals = Totals(file)
    needs = MachineNeeds(file.machine)
    chain = head.parent == nil ? nil : Self.chain(of: path)
    backtraces =
      withBacktraces
      ? Backtrace.all(
        of: file, in: image, head,
        totals.isWhole && image.executable == nil ? nil : ImageMemory(path: path)) : nil
  }
}

extension Inspection: Encodable {
  private enum CodingKeys: CodingKey { case totals, needs, backtraces, ancestors }

  /// The members of the file and these, side by side in one object.
  public func encode(to encoder: any Encoder) throws {
    try file.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(totals, forKey: .totals)
    try container.encode(needs, forKey: .needs)
    if case .found(let ancestors) = chain {
      try container.encode(ancestors, forKey: .ancestors)
    }
    try container.encodeIfPresent(backtraces, forKey: .backtraces)
  }
}
