internal import CImage
internal import Kernel
internal import KernelABI

/// The mappings that the kernel gives every process for fast system calls.
///
/// [vdso] and the data that its code reads, at fixed distances. No count and no order of them is
/// assumed.
struct KernelMappings: BitwiseCopyable {
  /// Linux 6.18 has three.
  static let capacity = 8

  private var pieces = InlineArray<8, AddressRange>(repeating: .empty)
  private(set) var count = 0

  /// The one that holds the code, an ELF file; empty: this kernel has none.
  private(set) var code = AddressRange.empty

  init() {}

  /// Finds them among the live mappings.
  init(in live: LiveMappings) {
    for index in 0..<live.mappings.count {
      let mapping = live.mappings[index]
      switch mapping.kind {
      case .vdso:
        append(mapping.range)
        if Self.isELF(mapping.range) { code = mapping.range }
      case .vvar: append(mapping.range)
      case .ordinary, .vsyscall: break
      }
    }
  }

  /// Finds them in an image.
  init(in image: LoadedImage) {
    for index in 0..<image.regions.count {
      let region = image.regions[index]
      guard region.kind == CKPT_REGION_VDSO || region.kind == CKPT_REGION_VVAR else { continue }
      append(region.range)
      if region.kind == CKPT_REGION_VDSO { code = region.range }
    }
  }

  private mutating func append(_ range: AddressRange) {
    guard count < Self.capacity else { return }
    pieces[count] = range
    count += 1
  }

  private static func isELF(_ range: AddressRange) -> Bool {
    Memory.load(UInt32.self, at: range.start) == 0x464c_457f
  }

  /// From the first to the last of them.
  var hull: AddressRange {
    guard count > 0 else { return .empty }
    var start = pieces[0].start
    var end = pieces[0].end
    for index in 1..<count {
      start = min(start, pieces[index].start)
      end = max(end, pieces[index].end)
    }
    return AddressRange(start: start.rawValue, end: end.rawValue) ?? .empty
  }

  /// Whether both have pieces of the same sizes at the same distances.
  func hasLayout(of other: KernelMappings) -> Bool {
    guard count == other.count, code.byteCount == other.code.byteCount else { return false }
    for index in 0..<count {
      let place = pieces[index].start - hull.start
      guard pieces[index].byteCount == other.pieces[index].byteCount,
        place == other.pieces[index].start - other.hull.start
      else { return false }
    }
    return code.start - hull.start == other.code.start - other.hull.start
  }

  /// Moves all of them, with their distances, so that the first one starts at `start`.
  ///
  /// One by one: only Linux 6.17 and newer can move several mappings in one call.
  ///
  /// - Precondition: source and destination don't overlap.
  mutating func move(to start: Address) throws(Errno) {
    let from = hull.start
    guard count > 0, start != from else { return }
    for index in 0..<count {
      let piece = pieces[index]
      let place = start + (piece.start - from)
      try Mapping.move(piece, to: place)
      pieces[index] = AddressRange(start: place, byteCount: piece.byteCount) ?? .empty
    }
    code = AddressRange(start: start + (code.start - from), byteCount: code.byteCount) ?? .empty
  }
}
