internal import CImage
internal import Kernel
internal import KernelABI

/// What a lazy restart keeps in the restore arena, until all memory is there.
struct LazyLayout: BitwiseCopyable {
  /// The `ckpt_lazy` that the agent sees.
  let record: Address

  /// A page that is missing until all are there: who looks at it waits for that.
  let whole: AddressRange

  /// By region: 1 when it is filled while the program runs.
  let isLazy: Table<UInt8>

  /// The pager or the tracer, and its stack.
  let pager: Slot<Pager>
  let tracer: Slot<Tracer>
  let stack: AddressRange

  /// What the pager works with.
  let spans: Table<Span>
  let ranges: Table<AddressRange>
  let spaces: Table<LazySpace>
  let faults: Table<LazyFault>
  let polls: Table<PollEntry>

  let mapped: MappedLayout

  /// The pager and the restart tell each other when to go on.
  var ready: FutexWord { FutexWord(at: record + CKPT_AT_LAZY_READY) }
  var go: FutexWord { FutexWord(at: record + CKPT_AT_LAZY_GO) }

  private static let stackByteCount: UInt64 = 128 << 10
  private static let faultCapacity = 4096

  /// How many parts the missing memory of one process may come to lie in.
  static func spanCapacity(for image: LoadedImage) -> Int { image.spans.count * 2 + 262_144 }
  static func rangeCapacity(for image: LoadedImage) -> Int { image.regions.count + 65_536 }

  static func byteCount(for image: LoadedImage) -> UInt64 {
    UInt64(
      spanCapacity(for: image) * MemoryLayout<Span>.stride
        + rangeCapacity(for: image) * MemoryLayout<AddressRange>.stride
        + image.regions.count
        + LazySpace.limit * (MemoryLayout<LazySpace>.stride + 8)
        + faultCapacity * MemoryLayout<LazyFault>.stride) + stackByteCount
      + Slot<Pager>.byteCount + Slot<Tracer>.byteCount
      + MappedLayout.byteCount(for: image)
      + (64 << 10)
  }

  init(for image: LoadedImage, in arena: inout Arena) throws(Errno) {
    record = try arena.reserve(64)
    whole =
      AddressRange(
        start: try arena.reserve(pageByteCount, alignment: pageByteCount),
        byteCount: pageByteCount) ?? .empty
    pager = try Slot(in: &arena)
    tracer = try Slot(in: &arena)
    stack =
      AddressRange(start: try arena.reserve(Self.stackByteCount), byteCount: Self.stackByteCount)
      ?? .empty
    var isLazy = try Table<UInt8>(in: &arena, capacity: image.regions.count)
    for _ in 0..<image.regions.count { try isLazy.append(0) }
    self.isLazy = isLazy
    spans = try Table(in: &arena, capacity: Self.spanCapacity(for: image))
    ranges = try Table(in: &arena, capacity: Self.rangeCapacity(for: image))
    spaces = try Table(in: &arena, capacity: LazySpace.limit)
    faults = try Table(in: &arena, capacity: Self.faultCapacity)
    polls = try Table(in: &arena, capacity: LazySpace.limit + 2)
    mapped = try MappedLayout(for: image, in: &arena)
  }
}

/// A thread that waits for a page.
struct LazyFault: BitwiseCopyable {
  var space: Int
  var page: Address
}
