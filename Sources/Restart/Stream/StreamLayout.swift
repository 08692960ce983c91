internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What a restart from a stream needs besides, in the restore arena.
struct StreamLayout: BitwiseCopyable {
  /// The digests of all pieces, as they were read.
  let digests: Address

  /// What is to be read, in the order of the stream.
  let parts: Table<StreamPart>

  /// By region: the descriptor of the file in memory that it shows, while that is filled; -1: none.
  let files: Table<Int32>

  static func byteCount(for image: LoadedImage) -> UInt64 {
    image.index.pieceCount * 8 + UInt64(capacity(for: image) * MemoryLayout<StreamPart>.stride)
      + UInt64(image.regions.count) * 4 + 256
  }

  private static func capacity(for image: LoadedImage) -> Int {
    image.spans.count + image.extents.count
  }

  init(for image: LoadedImage, in arena: inout Arena) throws(Errno) {
    digests = try arena.reserve(image.index.pieceCount * 8)
    var parts = try Table<StreamPart>(in: &arena, capacity: Self.capacity(for: image))
    var files = try Table<Int32>(in: &arena, capacity: image.regions.count)
    for _ in 0..<image.regions.count { try files.append(-1) }
    for index in 0..<image.spans.count where image.spans[index].source == 0 {
      let span = image.spans[index]
      if let precopied = image.precopied, precopied.has(span) { continue }
      try parts.append(
        StreamPart(fileOffset: span.fileOffset, index: UInt32(index), isExtent: false))
    }
    for index in 0..<image.extents.count {
      try parts.append(
        StreamPart(
          fileOffset: image.extents[index].file_offset, index: UInt32(index), isExtent: true))
    }
    StreamPart.sort(parts)
    self.parts = parts
    self.files = files
  }
}

/// A span or an extent.
struct StreamPart: BitwiseCopyable {
  var fileOffset: UInt64
  var index: UInt32
  var isExtent: Bool

  /// Brings parts into the order of the stream; those of most images are in it already.
  ///
  /// A heap sort: it takes no memory, and no longer for a hostile order.
  static func sort(_ parts: Table<StreamPart>) {
    var isSorted = true
    for index in 1..<max(1, parts.count)
    where parts[index].fileOffset < parts[index - 1].fileOffset { isSorted = false }
    guard !isSorted else { return }
    var root = parts.count / 2
    while root > 0 {
      root -= 1
      sink(parts, root, parts.count)
    }
    var end = parts.count
    while end > 1 {
      end -= 1
      let last = parts[end]
      parts[end] = parts[0]
      parts[0] = last
      sink(parts, 0, end)
    }
  }

  private static func sink(_ parts: Table<StreamPart>, _ start: Int, _ end: Int) {
    var root = start
    while 2 * root + 1 < end {
      var child = 2 * root + 1
      if child + 1 < end, parts[child].fileOffset < parts[child + 1].fileOffset { child += 1 }
      guard parts[root].fileOffset < parts[child].fileOffset else { return }
      let part = parts[root]
      parts[root] = parts[child]
      parts[child] = part
      root = child
    }
  }
}
