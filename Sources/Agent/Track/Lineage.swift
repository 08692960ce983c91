internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The image that the next one may be a change to: the last one that is safe on disk.
///
/// Its path lies beside the state, in `Agent.parentPath`. Whenever something stands between that image
/// and what was noted as written since, the lineage ends, and the next image has all of the memory.
struct Lineage: BitwiseCopyable {
  var identityLow: UInt64 = 0
  var identityHigh: UInt64 = 0

  /// Images in the chain up to this one, 1 when it stands alone; 0: there is none.
  var depth: UInt32 = 0

  /// Bytes of its absolute path.
  var pathByteCount: UInt32 = 0

  /// `AgentState.inclusions` when the image was made: of memory that has become part of images since, it has nothing.
  var inclusions: UInt32 = 0

  /// What the last whole clone took to make, in nanoseconds; 0: there was none.
  var cloneDuration: UInt64 = 0

  /// Room for a path, with its NUL.
  static let pathCapacity = ImagePath.capacity

  /// Forgets the image; how long clones take remains.
  static func end() {
    Agent.state.lineage.depth = 0
    Agent.state.lineage.pathByteCount = 0
  }

  /// Whether the file is still there and the same image.
  static var isThere: Bool {
    guard Agent.state.lineage.depth > 0,
      let file = try? FileDescriptor(path: Agent.parentPath, .readOnly | .nonBlocking),
      let identity = try? SavedIdentity(of: file)
    else { return false }
    return identity.low == Agent.state.lineage.identityLow
      && identity.high == Agent.state.lineage.identityHigh
  }

  // MARK: A new image

  /// Makes `draft` a change to the last image, if there may be one.
  static func adopt(
    _ options: CheckpointOptions, _ draft: inout ImageDraft
  ) throws(Errno) {
    let lineage = Agent.state.lineage
    Agent.state.lineage.inclusions = Agent.state.inclusions
    guard options.tracking != .none, !options.isFull, lineage.depth > 0,
      lineage.inclusions == Agent.state.inclusions,
      lineage.depth < min(Agent.state.configuration.fullEvery, CKPT_DEPTH_LIMIT), isThere
    else { return }
    draft.image.parent_low = lineage.identityLow
    draft.image.parent_high = lineage.identityHigh
    draft.parent.identity_low = lineage.identityLow
    draft.parent.identity_high = lineage.identityHigh
    draft.parent.depth = lineage.depth
    let path = Agent.parentPath
    let count = UInt64(lineage.pathByteCount)
    let folder = folderByteCount(path, count)
    draft.parent.name = try draft.string(at: path + folder, byteCount: Int(count - folder))
    draft.parent.path = try draft.string(at: path, byteCount: Int(count))
  }

  /// Bytes up to and with the last `/`.
  private static func folderByteCount(_ path: Address, _ byteCount: UInt64) -> UInt64 {
    var count = byteCount
    while count > 0, Memory.load(UInt8.self, at: path + (count - 1)) != 0x2F { count -= 1 }
    return count
  }

  // MARK: What became of it

  /// What is to be known of an image when it is safe on disk: by the leader that wrote it, or by the
  /// program when it meets the page that it shared with a clone.
  struct Record: BitwiseCopyable {
    var identityLow: UInt64 = 0
    var identityHigh: UInt64 = 0

    /// 0: not kept track of.
    var depth: UInt32 = 0
    var pathByteCount: UInt32 = 0

    /// Whether guard pages were met in memory that is watched: not 0.
    var mustRewatch: UInt32 = 0

    init() {}

    /// Notes an image, and puts its absolute path at `place`.
    ///
    /// - Parameter path: where it is, as it was asked for.
    init(_ draft: ImageDraft, _ path: ImagePath, at place: Address) {
      mustRewatch = draft.metGuards ? 1 : 0
      guard draft.isTracked, path.byteCount > 0 else { return }
      var count: UInt64 = 0
      if Memory.load(UInt8.self, at: path.address) != 0x2F {
        guard
          let folder = try? Files.workingDirectory(
            to: place, capacity: Int(Lineage.pathCapacity) - 1)
        else { return }
        count = UInt64(folder)
        if count > 0, Memory.load(UInt8.self, at: place + (count - 1)) != 0x2F {
          Memory.store(UInt8(ascii: "/"), at: place + count)
          count += 1
        }
      }
      guard count + path.byteCount + 1 <= Lineage.pathCapacity else { return }
      Memory.copy(from: path.address, to: place + count, byteCount: path.byteCount + 1)
      identityLow = draft.image.identity_low
      identityHigh = draft.image.identity_high
      pathByteCount = UInt32(count + path.byteCount)
      depth = draft.hasParent ? draft.parent.depth + 1 : 1
    }
  }

  /// From now on, changes are changes to this image.
  ///
  /// - Parameter path: where `record`'s path lies; may be `Agent.parentPath`.
  static func follow(_ record: Record, path: Address) {
    if record.mustRewatch != 0 { TrackDescriptor.close() }
    guard record.depth > 0 else { return }
    if path != Agent.parentPath {
      Memory.copy(
        from: path, to: Agent.parentPath, byteCount: UInt64(record.pathByteCount) + 1)
    }
    Agent.state.lineage.identityLow = record.identityLow
    Agent.state.lineage.identityHigh = record.identityHigh
    Agent.state.lineage.depth = record.depth
    Agent.state.lineage.pathByteCount = record.pathByteCount
  }
}
