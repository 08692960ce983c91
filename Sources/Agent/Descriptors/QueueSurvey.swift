internal import CImage
internal import Kernel
internal import KernelABI

/// Gathers what a queue holds in scratch memory, message by message or as one stream.
struct QueueWriter: BitwiseCopyable {
  private let start: Address
  private var end: Address

  /// The largest message.
  static let messageCapacity = 32 << 20

  init(_ draft: ImageDraft) {
    start = draft.scratch.next
    end = start
  }

  var bytes: RawBytes { RawBytes(start: start, count: Int(end - start)) }

  /// Appends what `read` puts at the place it is given.
  ///
  /// - Parameter framed: whether it is a message, of which the length counts.
  /// - Returns: bytes read.
  mutating func append(
    framed: Bool, _ draft: inout ImageDraft, _ read: (Address, Int) throws(Errno) -> Int
  ) throws(Errno) -> Int {
    let header = framed ? UInt64(MemoryLayout<ckpt_message>.size) : 0
    guard draft.scratch.free > header else { throw .outOfMemory }
    let room = min(Int(draft.scratch.free - header), Self.messageCapacity)
    let count = try read(end + header, room)
    if framed { Memory.store(ckpt_message(byte_count: UInt32(count)), at: end) }
    _ = try draft.scratch.reserve(header + UInt64(count), alignment: 1)
    end = draft.scratch.next
    return count
  }
}

enum QueueSurvey {
  /// Makes an object of the bytes in scratch memory.
  static func object(
    _ item: OpenFile, holding bytes: RawBytes, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> UInt32 {
    guard bytes.count > 0 else { return CKPT_NONE }
    return try item.doing { () throws(Errno) in
      var object = ckpt_object()
      object.kind = CKPT_OBJECT_BYTES
      object.device = item.status.device
      object.inode = item.status.inode
      object.byte_count = UInt64(bytes.count)
      let index = try draft.objects.append(object)
      try draft.extent(
        offset: 0, byteCount: UInt64(bytes.count),
        from: ExtentSource(memory: bytes.start, descriptor: -1, offset: 0))
      return UInt32(index)
    }
  }
}
