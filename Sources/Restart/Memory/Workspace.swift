internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What `restart` needs besides itself while it rebuilds the program's memory.
///
/// One mapping, at an address that the program doesn't use. The agent unmaps it.
struct Workspace {
  /// The image, whose head lies in here.
  var image: LoadedImage

  /// All of it.
  let range: AddressRange
  private(set) var arena: Arena

  /// One huge page, where data is laid before it is moved to its place.
  let stage: Address
  static let hugePageByteCount: UInt64 = 2 << 20

  /// One piece of data passes through here on its way to a file.
  let buffer: Address

  /// By run: the index of its first digest.
  let runPieces: Table<UInt32>

  /// By object: the descriptor that `ObjectRestore` made for it, -1: none.
  var objectDescriptors: Table<Int32>

  /// By region: the next one that shows the same file or object, -1: none.
  var next: Table<Int32>
  var firstOfFile: Table<Int32>
  var firstOfObject: Table<Int32>

  /// Room for a path with its NUL.
  let path: Address
  static let pathCapacity: UInt64 = 4096

  /// Room for pieces that are read together, and for their vectors for preadv(2).
  let batch: Address
  let vectors: Address
  static let vectorCapacity = 256

  /// Bytes to map for an image.
  static func byteCount(for image: LoadedImage) -> UInt64 {
    let regions = UInt64(image.regions.count)
    let tables =
      UInt64(image.digests.count) * 8 + UInt64(image.runs.count) * 4
      + regions * 8 + UInt64(image.objects.count) * 8
    return roundedUpToPage(image.index.headByteCount) + roundedUpToPage(tables)
      + hugePageByteCount + DataPieces.byteCountLimit + pathCapacity + (64 << 10)
  }

  /// Maps it and copies the head of the image and the digests into it.
  ///
  /// - Precondition: `range` is free, `byteCount(for: image)` large and starts at a multiple of
  ///   2 MiB.
  init(at range: AddressRange, for image: LoadedImage) throws(RestartFailure) {
    self.range = range
    self.image = image
    do throws(Errno) {
      try Mapping.map(
        at: range.start, byteCount: range.byteCount, .read | .write,
        .private | .anonymous | .noReserve | .fixedNoReplace)
      var arena = Arena(over: range)
      stage = try arena.reserve(Self.hugePageByteCount, alignment: pageByteCount)
      buffer = try arena.reserve(DataPieces.byteCountLimit, alignment: pageByteCount)
      let head = try arena.reserve(image.index.headByteCount, alignment: pageByteCount)
      Memory.copy(from: image.head, to: head, byteCount: image.index.headByteCount)
      self.image.head = head
      path = try arena.reserve(Self.pathCapacity)
      batch = try arena.reserve(UInt64(Self.vectorCapacity * MemoryLayout<DataPiece>.stride))
      vectors = try arena.reserve(UInt64(Self.vectorCapacity * 16))
      let byteCount = UInt64(image.digests.count) * 8
      let digests = try arena.reserve(byteCount)
      Memory.copy(from: image.digests.base, to: digests, byteCount: byteCount)
      self.image.digests = Records(at: digests, count: image.digests.count)
      runPieces = try Self.pieceNumbers(image, in: &arena)
      objectDescriptors = try Self.table(image.objects.count, in: &arena)
      firstOfObject = try Self.table(image.objects.count, in: &arena)
      firstOfFile = try Self.table(image.regions.count, in: &arena)
      next = try Self.table(image.regions.count, in: &arena)
      self.arena = arena
    } catch {
      throw RestartFailure(
        .failed, "cannot prepare the restart's own memory", errno: error,
        hint: "the image needs more memory than this process may have; see `ulimit -v`")
    }
    linkRegions()
  }

  /// Digests are in the order of the runs.
  private static func pieceNumbers(
    _ image: LoadedImage, in arena: inout Arena
  ) throws(Errno) -> Table<UInt32> {
    var numbers = try Table<UInt32>(in: &arena, capacity: image.runs.count)
    var count: UInt64 = 0
    for index in 0..<image.runs.count {
      try numbers.append(UInt32(truncatingIfNeeded: count))
      let run = image.runs[index]
      if run.hasDigests { count += Pieces.count(of: run.byte_count) }
    }
    return numbers
  }

  private static func table(_ count: Int, in arena: inout Arena) throws(Errno) -> Table<Int32> {
    var table = try Table<Int32>(in: &arena, capacity: count)
    for _ in 0..<count { try table.append(-1) }
    return table
  }

  /// Chains the regions that show the same, in address order.
  private func linkRegions() {
    var index = image.regions.count - 1
    while index >= 0 {
      let region = image.regions[index]
      if region.kind == CKPT_REGION_PRIVATE_FILE, Int(region.file) < firstOfFile.count {
        next[index] = firstOfFile[Int(region.file)]
        firstOfFile[Int(region.file)] = Int32(index)
      } else if region.kind == CKPT_REGION_SHARED, Int(region.object) < firstOfObject.count {
        next[index] = firstOfObject[Int(region.object)]
        firstOfObject[Int(region.object)] = Int32(index)
      }
      index -= 1
    }
  }

  /// Puts a NUL-terminated copy of a string of the image at `path`.
  func setPath(_ string: ckpt_string) throws(Errno) {
    let count = UInt64(string.byte_count)
    guard count > 0, count < Self.pathCapacity else { throw .nameTooLong }
    Memory.copy(from: image.address(of: string), to: path, byteCount: count)
    Memory.store(UInt8(0), at: path + count)
  }
}
