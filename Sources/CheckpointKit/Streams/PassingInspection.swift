public import CheckpointImage
internal import Kernel
internal import KernelABI

/// What is seen of an image that goes by.
public struct PassingInspection: Sendable {
  public var inspection: Inspection
  public var registers: [ThreadRegisters]

  /// By region; `nil` where the image has nothing of it.
  public var digests: [UInt64?]
  public var damagedPageCount: Int
}

/// Looks at an image on standard input, opened and unpacked, without keeping it.
///
/// - Parameter tees: whether the bytes go on to standard output, as they came in.
public func inspectPassing(
  _ request: StreamRequest, tees: Bool
) throws(StreamFailure) -> PassingInspection {
  var raw: any ByteSource = DescriptorSource(
    FileDescriptor(adopting: 0), "standard input", patience: request.patience.idle)
  if tees { raw = Tee(raw, to: DescriptorSink(1, "standard output", patience: -1)) }
  let source = try decoded(raw, key: request.key, needsKey: false)
  return try look(at: try ByteReader(source))
}

private func look(at reader: ByteReader) throws(StreamFailure) -> PassingInspection {
  let page = try Block(PassingImage.pageByteCount)
  func next(_ count: Int) throws(StreamFailure) -> [UInt8] {
    let count = try reader.read(to: page.address, count)
    return (0..<count).map { Memory.load(UInt8.self, at: page.address + UInt64($0)) }
  }
  var head = try next(PassingImage.pageByteCount)
  let byteCount = try checking { () throws(ImageError) in try PassingImage.headByteCount(head) }
  while head.count < byteCount {
    let part = try next(PassingImage.pageByteCount)
    guard !part.isEmpty else { throw .endedEarly(.image) }
    head += part
  }
  let bytes = head
  var image = try checking { () throws(ImageError) in try PassingImage(head: bytes) }
  var offset = UInt64(head.count)
  while true {
    let part = try next(PassingImage.pageByteCount)
    guard !part.isEmpty else { break }
    image.take(part, at: offset)
    offset += UInt64(part.count)
  }
  guard offset >= image.head.fileByteCount else { throw .endedEarly(.image) }
  guard offset == image.head.fileByteCount else { throw .trailing(.image) }
  return PassingInspection(
    inspection: Inspection(passing: image.head), registers: image.head.registers,
    digests: image.regionDigests, damagedPageCount: image.damagedPageCount)
}

private func checking<R>(_ body: () throws(ImageError) -> R) throws(StreamFailure) -> R {
  do throws(ImageError) { return try body() } catch { throw .damaged(.image) }
}

/// Hands on what is read, as it was, before anybody looks at it.
private final class Tee: ByteSource {
  private let source: any ByteSource
  private let sink: any ByteSink

  init(_ source: any ByteSource, to sink: any ByteSink) {
    self.source = source
    self.sink = sink
  }

  func read(into block: Block) throws(StreamFailure) {
    try source.read(into: block)
    if block.count > 0 { try sink.write(block.address, block.count) }
  }
}
