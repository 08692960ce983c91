internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Reads the head of an image that comes as a stream, and checks it.
///
/// Its digest comes last, as all do: until then nothing is done that could be seen from outside.
///
/// - Parameter map: which paths differ on this machine.
func openStream(
  _ stream: StreamInput, _ map: PathMap = PathMap()
) throws(RestartFailure) -> LoadedImage {
  var stream = stream
  var (prefix, rounds) = (UInt64?.none, PrecopiedMemory?.none)
  if stream.goesOn {
    var first: UInt64 = 0
    try stream.read(into: &first)
    if first == CKPT_ROUNDS_MAGIC {
      rounds = try PrecopiedMemory.take(&stream)
      stream.goOn(at: 0)
    } else {
      prefix = first
    }
  }
  var chain = OpenedChain(map)
  try chain.open(&stream, behind: prefix)
  if let rounds { stream.goOn(at: rounds.dataEnd) }
  var image = try chain.flattened()
  image.stream = stream
  image.precopied = rounds
  return image
}

extension OpenedImage {
  /// - Parameter word: its first 8 bytes, if they were read already.
  init(reading stream: inout StreamInput, behind word: UInt64?) throws(RestartFailure) {
    let prefix = try Self.room(pageByteCount)
    defer { try? Mapping.unmap(prefix) }
    if let word { Memory.store(word, at: prefix.start) }
    let known: UInt64 = word == nil ? 0 : 8
    let present =
      known + (try stream.readUpTo(pageByteCount - known, to: prefix.start + known))
    if present == 0 { throw stream.endedEarly }
    let bytes = Memory.bytes(at: prefix.start, count: Int(present))
    if let packing = Packing(Memory.load(UInt64.self, at: prefix.start)) { throw packing.refusal }
    let byteCount: UInt64
    do throws(ImageError) { byteCount = try ImageIndex.headByteCount(prefix: bytes) } catch {
      throw StreamInput.damage(error)
    }
    guard present == pageByteCount else { throw stream.endedEarly }
    head = try Self.readHead(byteCount, after: prefix, &stream)
    stream.headDigest = XXH3.digest(Memory.bytes(at: head.start, count: Int(byteCount)))
    do throws(ImageError) {
      index = try ImageIndex(
        head: Memory.bytes(at: head.start, count: Int(head.byteCount)), fileByteCount: nil)
    } catch {
      throw StreamInput.damage(error)
    }
    source = Source(descriptor: stream.descriptor, end: index.end)
  }

  /// Only what has come takes memory, whatever the head says of its size.
  private static func readHead(
    _ byteCount: UInt64, after prefix: AddressRange, _ stream: inout StreamInput
  ) throws(RestartFailure) -> AddressRange {
    let head = try room(byteCount)
    Memory.copy(from: prefix.start, to: head.start, byteCount: min(prefix.byteCount, byteCount))
    if byteCount > pageByteCount {
      try stream.read(to: head.start + pageByteCount, byteCount: byteCount - pageByteCount)
    }
    return head
  }

  private static func room(_ byteCount: UInt64) throws(RestartFailure) -> AddressRange {
    try during("cannot get memory for the restart") { () throws(Errno) in
      let start = try Mapping.map(
        byteCount: roundedUpToPage(byteCount), .read | .write,
        .private | .anonymous | .noReserve)
      guard let range = AddressRange(start: start, byteCount: roundedUpToPage(byteCount)) else {
        throw .outOfMemory
      }
      return range
    }
  }
}

extension OpenedChain {
  /// Takes the one image of a stream.
  mutating func open(
    _ stream: inout StreamInput, behind word: UInt64?
  ) throws(RestartFailure) {
    var image = try OpenedImage(reading: &stream, behind: word)
    guard image.parent == nil else {
      throw RestartFailure(
        .damagedImage, "cannot restart the stream",
        why: "the image has only what changed since another one",
        hint: "`ckpt merge` makes one whole image; send that")
    }
    try image.rename(by: &map)
    try begin(with: image)
  }
}
