internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What `restart` needs besides itself while it rebuilds the program's memory.
///
/// One mapping, at an address that the program doesn't use. The agent unmaps it.
struct RestoreArena: BitwiseCopyable {
  /// The image, whose head lies in here.
  var image: LoadedImage

  /// All of it.
  let range: AddressRange
  private(set) var arena: Arena

  /// Huge pages, one for each worker, where data is laid before it is moved to its place.
  let stages: Address
  static let hugePageByteCount: UInt64 = 2 << 20

  /// What each worker has of its own besides: its stack, digests, vectors.
  let workers: Address

  /// One piece of data passes through here on its way to a file.
  let buffer: Address

  /// What is to be read, in parts that workers take one after another.
  let units: Table<FillUnit>

  /// By object: the descriptor that `ObjectRestore` made for it, -1: none.
  var objectDescriptors: Table<Int32>

  /// By region: the next one that shows the same file or object, -1: none.
  var next: Table<Int32>
  var firstOfFile: Table<Int32>
  var firstOfObject: Table<Int32>

  /// By region: 1 when it shows the image's own file and needs nothing read in.
  let isMapped: Table<UInt8>

  /// Room for a path with its NUL.
  let path: Address
  static let pathCapacity: UInt64 = 4096

  /// What a lazy restart needs; `nil`: it isn't one.
  private(set) var lazy: LazyLayout?

  /// What a restart from a stream needs; `nil`: it isn't one.
  private(set) var stream: StreamLayout?

  /// Whether digests are noted: nothing is compared yet.
  private var notes = false

  /// The program runs: what is wrong now ends it.
  var isLate = false

  /// Bytes to map for an image.
  static func byteCount(for image: LoadedImage, isLazy: Bool) -> UInt64 {
    let regions = UInt64(image.regions.count)
    var tables =
      image.spans.byteCount + image.firstSpans.byteCount + image.sources.byteCount
      + FillUnit.capacity(for: image.spans) * UInt64(MemoryLayout<FillUnit>.stride)
      + regions * 9 + UInt64(image.objects.count) * 8
      + (image.precopied?.areas.byteCount ?? 0)
    for index in 0..<image.sources.count {
      let source = image.sources[index]
      tables += source.end.blockCount * 8 + UInt64(source.nameByteCount) + 32
    }
    return roundedUpToPage(image.headByteCount) + roundedUpToPage(tables)
      + (hugePageByteCount + WorkerLayout.byteCount) * UInt64(FillWorker.limit)
      + DataPieces.byteCountLimit + pathCapacity + (64 << 10)
      + (isLazy ? LazyLayout.byteCount(for: image) : 0)
      + (image.stream == nil ? 0 : StreamLayout.byteCount(for: image))
  }

  /// Maps it and copies the head of the image and what was made of it into it.
  ///
  /// - Precondition: `range` is free, `byteCount(for: image, isLazy: isLazy)` large and starts at a multiple of
  ///   2 MiB.
  init(
    at range: AddressRange, for image: LoadedImage, isLazy: Bool
  ) throws(RestartFailure) {
    self.range = range
    self.image = image
    do throws(Errno) {
      try Mapping.map(
        at: range.start, byteCount: range.byteCount, .read | .write,
        .private | .anonymous | .noReserve | .fixedNoReplace)
      var arena = Arena(over: range)
      let workerCount = UInt64(FillWorker.limit)
      stages = try arena.reserve(
        Self.hugePageByteCount * workerCount, alignment: pageByteCount)
      workers = try arena.reserve(WorkerLayout.byteCount * workerCount, alignment: pageByteCount)
      buffer = try arena.reserve(DataPieces.byteCountLimit, alignment: pageByteCount)
      self.image.head = try Self.copy(
        image.head, byteCount: image.headByteCount, to: &arena)
      path = try arena.reserve(Self.pathCapacity)
      self.image.spans = try Self.copy(image.spans, to: &arena)
      self.image.firstSpans = try Self.copy(image.firstSpans, to: &arena)
      if let precopied = image.precopied {
        self.image.precopied = precopied.keeping(areas: try Self.copy(precopied.areas, to: &arena))
      }
      self.image.sources = try Self.copySources(image.sources, to: &arena)
      units = try Table(
        in: &arena, capacity: Int(FillUnit.capacity(for: image.spans)))
      objectDescriptors = try Self.table(image.objects.count, in: &arena)
      firstOfObject = try Self.table(image.objects.count, in: &arena)
      firstOfFile = try Self.table(image.regions.count, in: &arena)
      next = try Self.table(image.regions.count, in: &arena)
      var isMapped = try Table<UInt8>(in: &arena, capacity: image.regions.count)
      for _ in 0..<image.regions.count { try isMapped.append(0) }
      self.isMapped = isMapped
      lazy = isLazy ? try LazyLayout(for: image, in: &arena) : nil
      if image.stream != nil {
        stream = try StreamLayout(for: image, in: &arena)
        notes = true
      }
      self.arena = arena
    } catch {
      throw RestartFailure(
        .failed, "cannot prepare the restart's own memory", errno: error,
        hint: "the image needs more memory than this process may have; see `ulimit -v`")
    }
    linkRegions()
  }

  private static func copy(
    _ address: Address, byteCount: UInt64, to arena: inout Arena
  ) throws(Errno) -> Address {
    let copy = try arena.reserve(byteCount, alignment: 64)
    if byteCount > 0 { Memory.copy(from: address, to: copy, byteCount: byteCount) }
    return copy
  }

  private static func copy<T: BitwiseCopyable>(
    _ table: Table<T>, to arena: inout Arena
  ) throws(Errno) -> Table<T> {
    Table(at: try copy(table.base, byteCount: table.byteCount, to: &arena), count: table.count)
  }

  /// With what they point to.
  private static func copySources(
    _ sources: Table<Source>, to arena: inout Arena
  ) throws(Errno) -> Table<Source> {
    let copied = try copy(sources, to: &arena)
    for index in 0..<copied.count {
      var source = copied[index]
      if source.blocks != .zero {
        source.blocks = try copy(source.blocks, byteCount: source.end.blockCount * 8, to: &arena)
      }
      source.name = try copy(source.name, byteCount: UInt64(source.nameByteCount), to: &arena)
      copied[index] = source
    }
    return copied
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

extension RestoreArena {
  /// Where a worker's huge page lies.
  func stage(_ worker: Int) -> Address { stages + UInt64(worker) * Self.hugePageByteCount }

  func workerLayout(_ worker: Int) -> WorkerLayout {
    WorkerLayout(at: workers + UInt64(worker) * WorkerLayout.byteCount)
  }

  /// A reader with a worker's own room for digests.
  func reader(_ worker: Int) -> DataReader {
    var reader = DataReader(
      image.sources, cache: workerLayout(worker).digests)
    if notes, let stream { reader.notes = stream.digests }
    reader.isLate = isLate
    return reader
  }

  /// From now on nothing is noted: all of the stream was compared.
  mutating func endNotes() { notes = false }
}
