internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Finds for the memory of the newest image of a chain where each page's bytes are.
///
/// A run of kind PARENT has the bytes that the next image has at its addresses, which may be in the
/// one after that, and so on; what no image has is zero.
///
/// Pure.
struct Flattening {
  /// Newest first.
  let links: Table<ChainLink>

  /// Runs that are being looked through, one in each image at most.
  private var stack: Table<Frame>

  private struct Frame: BitwiseCopyable {
    var link: Int
    var position: Address
    var end: Address
  }

  init(_ links: Table<ChainLink>, in arena: inout Arena) throws(Errno) {
    self.links = links
    stack = try Table(in: &arena, capacity: links.count)
  }

  /// A span, and the region that its bytes were saved in: its index in the span's image.
  typealias Emit = (Span, _ region: Int) throws(RestartFailure) -> Void

  /// Goes through the memory that one region of the newest image has of its own, in address order.
  ///
  /// Bytes of a file have `Span.zeros` as their source: whoever opens files replaces it.
  mutating func walk(region index: Int, _ emit: Emit) throws(RestartFailure) {
    let region = links[0].regions[index]
    switch region.kind {
    case CKPT_REGION_ANONYMOUS, CKPT_REGION_PRIVATE_FILE, CKPT_REGION_VDSO: break
    default: return
    }
    for number in 0..<Int(region.run_count) {
      let run = Int(region.first_run) + number
      try walk(run: run, isOfFile: region.kind == CKPT_REGION_PRIVATE_FILE, emit)
    }
  }

  private mutating func walk(
    run index: Int, isOfFile: Bool, _ emit: Emit
  ) throws(RestartFailure) {
    let run = links[0].runs[index]
    // The pages of a vdso may be called clean too, but there is no file that brings them.
    let own = OwnRun(
      region: run.region, isClean: isOfFile && !run.isOwn, wantsZeros: isOfFile && run.isOwn)
    switch run.kind {
    case CKPT_RUN_HERE, CKPT_RUN_FILE: try take(index, 0, run.range, own, emit)
    case CKPT_RUN_ZERO: try fill(run.range, own, emit)
    case CKPT_RUN_PARENT: try descend(run.range, own, emit)
    default: break
    }
  }

  /// What the newest image says of a run.
  private struct OwnRun: BitwiseCopyable {
    let region: UInt32
    let isClean: Bool

    /// Its mapping shows something else than zeros before it is filled.
    let wantsZeros: Bool
  }

  private mutating func descend(
    _ range: AddressRange, _ own: OwnRun, _ emit: Emit
  ) throws(RestartFailure) {
    stack.removeAll()
    try push(1, range)
    while stack.count > 0 {
      let top = stack.count - 1
      let frame = stack[top]
      guard let rest = AddressRange(start: frame.position.rawValue, end: frame.end.rawValue),
        !rest.isEmpty
      else {
        stack = stack.covering(top)
        continue
      }
      let link = links[frame.link]
      let index = link.firstRun(endingBehind: rest.start)
      let next = index < link.runs.count ? link.runs[index].range : .empty
      if next.isEmpty || next.start >= rest.end {
        stack.update(top) { $0.position = rest.end }
        try fill(rest, own, emit)
      } else if next.start > rest.start {
        stack.update(top) { $0.position = next.start }
        try fill(Self.range(rest.start, next.start), own, emit)
      } else {
        let part = Self.range(rest.start, min(next.end, rest.end))
        stack.update(top) { $0.position = part.end }
        try enter(index, frame.link, part, own, emit)
      }
    }
  }

  private mutating func enter(
    _ index: Int, _ link: Int, _ part: AddressRange, _ own: OwnRun, _ emit: Emit
  ) throws(RestartFailure) {
    let run = links[link].runs[index]
    guard links[link].isPrivate(run) else { return try fill(part, own, emit) }
    switch run.kind {
    case CKPT_RUN_HERE, CKPT_RUN_FILE: try take(index, link, part, own, emit)
    case CKPT_RUN_PARENT: try push(link + 1, part)
    default: try fill(part, own, emit)
    }
  }

  private mutating func push(_ link: Int, _ range: AddressRange) throws(RestartFailure) {
    do throws(Errno) {
      guard link < links.count else { throw .invalid }
      try stack.append(Frame(link: link, position: range.start, end: range.end))
    } catch {
      throw RestartFailure(
        .damagedImage, "cannot restart: an image refers to a parent that it does not name")
    }
  }

  /// Part of a run whose bytes are there.
  private func take(
    _ index: Int, _ link: Int, _ part: AddressRange, _ own: OwnRun, _ emit: Emit
  ) throws(RestartFailure) {
    let run = links[link].runs[index]
    let offset = part.start - run.range.start
    try emit(
      Span(
        address: part.start, byteCount: part.byteCount, fileOffset: run.file_offset + offset,
        piece: links[link].firstPieces[index] + offset / Pieces.byteCount,
        source: run.kind == CKPT_RUN_FILE ? Span.zeros : UInt32(link), link: UInt32(link),
        region: own.region, isClean: own.isClean),
      Int(run.region))
  }

  /// Where no image has anything.
  private func fill(_ range: AddressRange, _ own: OwnRun, _ emit: Emit) throws(RestartFailure) {
    guard own.wantsZeros else { return }
    try emit(
      Span(
        address: range.start, byteCount: range.byteCount, fileOffset: 0, piece: 0,
        source: Span.zeros, link: Span.zeros, region: own.region, isClean: false),
      Int(own.region))
  }

  private static func range(_ start: Address, _ end: Address) -> AddressRange {
    AddressRange(start: start.rawValue, end: end.rawValue) ?? .empty
  }
}
