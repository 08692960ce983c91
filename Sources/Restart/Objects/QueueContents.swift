internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What all queues of an image held: pipes and sockets are filled from it.
///
/// It is read once, and checked as it is read: what the image's file becomes afterwards does not count.
struct QueueContents: BitwiseCopyable {
  /// By object: where its bytes begin in `memory`.
  private let offsets: Table<UInt64>
  private let memory: AddressRange

  private init(_ offsets: Table<UInt64>, _ memory: AddressRange) {
    self.offsets = offsets
    self.memory = memory
  }

  /// Reads the objects of kind BYTES.
  ///
  /// - Parameter arena: room for a table, and for digests while it is read.
  /// - Throws: a failure of status `.damagedImage` when bytes don't match their digests.
  static func read(
    _ image: LoadedImage, in arena: inout Arena
  ) throws(RestartFailure) -> QueueContents {
    var byteCount: UInt64 = 0
    let (offsets, cache) = try prepared { () throws(Errno) in
      var offsets = try Table<UInt64>(in: &arena, capacity: image.objects.count)
      for index in 0..<image.objects.count {
        try offsets.append(byteCount)
        let object = image.objects[index]
        guard object.kind == CKPT_OBJECT_BYTES else { continue }
        let (sum, overflows) = byteCount.addingReportingOverflow(object.byte_count)
        guard !overflows, sum < 1 << 46 else { throw .outOfMemory }
        byteCount = sum
      }
      return (offsets, try arena.reserve(DigestCache.byteCount))
    }
    guard byteCount > 0 else { return QueueContents(offsets, .empty) }
    let memory = try prepared { () throws(Errno) in
      let size = roundedUpToPage(byteCount)
      let start = try Mapping.map(
        byteCount: size, .read | .write, .private | .anonymous | .noReserve)
      return AddressRange(start: start, byteCount: size) ?? .empty
    }
    let contents = QueueContents(offsets, memory)
    let reader = DataReader(image.sources, cache: cache)
    for index in 0..<image.objects.count where image.objects[index].kind == CKPT_OBJECT_BYTES {
      try contents.read(index, image, by: reader)
    }
    return contents
  }

  private static func prepared<R>(_ body: () throws(Errno) -> R) throws(RestartFailure) -> R {
    do throws(Errno) { return try body() } catch {
      throw RestartFailure(.failed, "cannot prepare the restart of descriptors", errno: error)
    }
  }

  private func read(
    _ object: Int, _ image: LoadedImage, by reader: DataReader
  ) throws(RestartFailure) {
    let record = image.objects[object]
    let start = memory.start + offsets[object]
    for number in 0..<record.extent_count {
      let index = Int(record.first_extent + number)
      let extent = image.extents[index]
      guard extent.offset <= record.byte_count,
        extent.byte_count <= record.byte_count - extent.offset
      else {
        throw RestartFailure(.damagedImage, "cannot restart: the image is damaged in a queue")
      }
      var pieces = DataPieces(ofExtent: index, in: image, at: start + extent.offset)
      while let piece = pieces.next() { try reader.read(piece) }
    }
  }

  /// The bytes of an object; CKPT_NONE has none.
  ///
  /// - Throws: `Errno.invalid` when there is no such queue.
  func bytes(of object: UInt32, in image: LoadedImage) throws(Errno) -> QueueBytes {
    guard object != CKPT_NONE else { return QueueBytes(start: .zero, byteCount: 0) }
    guard Int(object) < image.objects.count, image.objects[Int(object)].kind == CKPT_OBJECT_BYTES
    else { throw .invalid }
    return QueueBytes(
      start: memory.start + offsets[Int(object)], byteCount: image.objects[Int(object)].byte_count)
  }

  /// Gives the memory back.
  func close() { try? Mapping.unmap(memory) }
}

/// The bytes that one queue held.
struct QueueBytes: BitwiseCopyable {
  let start: Address
  let byteCount: UInt64

  /// Hands the messages to `body` one by one, or all as one.
  func forEach(
    framed: Bool, _ body: (Address, UInt64) throws(Errno) -> Void
  ) throws(Errno) {
    guard framed else {
      if byteCount > 0 { try body(start, byteCount) }
      return
    }
    let header = UInt64(MemoryLayout<ckpt_message>.size)
    var offset: UInt64 = 0
    while offset < byteCount {
      guard byteCount - offset >= header else { throw .invalid }
      let count = UInt64(Memory.load(ckpt_message.self, at: start + offset).byte_count)
      offset += header
      guard count <= byteCount - offset else { throw .invalid }
      try body(start + offset, count)
      offset += count
    }
  }
}
