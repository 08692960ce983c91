internal import CImage
internal import Kernel
internal import KernelABI

/// A region that shows the image until all of it was read.
struct MappedRegion: BitwiseCopyable {
  /// Of the image.
  let index: Int
  let place: AddressRange

  /// Where its memory is made, beside the program.
  let spare: Address

  /// Where the spare memory for a part of the place lies.
  func spare(for part: AddressRange) -> AddressRange {
    AddressRange(start: spare + (part.start - place.start), byteCount: part.byteCount) ?? .empty
  }
}

/// What a mapped restart keeps in the restore arena until all memory is there.
struct MappedLayout: BitwiseCopyable {
  let regions: Table<MappedRegion>

  /// Parts of regions that the program has unmapped or put something else into, and that it has
  /// dropped; in any order, perhaps several times.
  let taken: Table<AddressRange>
  let dropped: Table<AddressRange>
  let tracees: Table<TracedThread>

  /// Room for what PAGEMAP_SCAN finds.
  let found: Table<PageRun>

  /// What reads the image, its stack, and why it failed.
  let fill: Slot<MappedFill>
  let stack: AddressRange
  let failure: Slot<RestartFailure>

  private let words: Address

  /// How the reading went: 0, it goes on.
  var fillEnd: FutexWord { FutexWord(at: words + CKPT_AT_FILL_END) }

  /// Why nobody may trace the program: an errno.
  var refusal: FutexWord { FutexWord(at: words + CKPT_AT_FILL_REFUSAL) }

  private static let partCapacity = 4096
  private static let traceeCapacity = 65_536
  private static let foundCapacity = 4096
  private static let stackByteCount: UInt64 = 64 << 10

  static func byteCount(for image: LoadedImage) -> UInt64 {
    UInt64(
      image.regions.count * MemoryLayout<MappedRegion>.stride
        + 2 * partCapacity * MemoryLayout<AddressRange>.stride
        + traceeCapacity * MemoryLayout<TracedThread>.stride
        + foundCapacity * MemoryLayout<PageRun>.stride) + stackByteCount
      + Slot<MappedFill>.byteCount + Slot<RestartFailure>.byteCount
      + (16 << 10)
  }

  init(for image: LoadedImage, in arena: inout Arena) throws(Errno) {
    regions = try Table(in: &arena, capacity: image.regions.count)
    taken = try Table(in: &arena, capacity: Self.partCapacity)
    dropped = try Table(in: &arena, capacity: Self.partCapacity)
    tracees = try Table(in: &arena, capacity: Self.traceeCapacity)
    found = try Table(in: &arena, capacity: Self.foundCapacity)
    fill = try Slot(in: &arena)
    stack =
      AddressRange(
        start: try arena.reserve(Self.stackByteCount, alignment: pageByteCount),
        byteCount: Self.stackByteCount) ?? .empty
    failure = try Slot(in: &arena)
    words = try arena.reserve(64, alignment: 64)
  }
}
