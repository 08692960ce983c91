internal import CImage
internal import Kernel
internal import KernelABI

/// Finds the TCP connections of which the program has both ends.
enum SocketPairing {
  static func run(_ draft: inout ImageDraft, _ list: OpenFileList) throws(CaptureFailure) {
    for index in 0..<draft.files.count {
      guard let place = connection(index, draft),
        let peer = peer(of: Memory.load(at: place), draft, except: index)
      else { continue }
      var record = Memory.load(ckpt_file_socket.self, at: place)
      record.state = CKPT_SOCKET_PAIRED
      record.peer = UInt32(peer)
      Memory.store(record, at: place)
      try checkIsDelivered(index, &draft, list)
    }
  }

  /// Where the record of a connected TCP socket lies.
  private static func connection(_ index: Int, _ draft: ImageDraft) -> Address? {
    let file = draft.files[index]
    guard file.kind == CKPT_FILE_INET_SOCKET else { return nil }
    let place =
      draft.details.base + UInt64(file.detail.offset)
      + UInt64(MemoryLayout<ckpt_file_common>.size)
    let record = Memory.load(ckpt_file_socket.self, at: place)
    guard record.type == Sockets.Kind.stream, record.remote.byte_count > 0 else { return nil }
    return place
  }

  private static func peer(
    of record: ckpt_file_socket, _ draft: ImageDraft, except own: Int
  ) -> Int? {
    let local = Endpoint(record.local)
    let remote = Endpoint(record.remote)
    for index in 0..<draft.files.count where index != own {
      guard let place = connection(index, draft) else { continue }
      let other = Memory.load(ckpt_file_socket.self, at: place)
      if Endpoint(other.local) == remote, Endpoint(other.remote) == local { return index }
    }
    return nil
  }

  /// Bytes that wait for room at the other end can't be seen from either.
  private static func checkIsDelivered(
    _ index: Int, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let waiting = try? Sockets.unsentByteCount(list.number(of: index))
    if let waiting, waiting > 0 { throw try list.open(index, &draft).refused(.contentsUnreadable) }
  }

  /// An address and port; IPv4 as IPv6 maps it, since one end may say it so and the other not.
  private struct Endpoint: Equatable, BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    var port: UInt16

    init(_ record: ckpt_socket_address) {
      let first = record.bytes.0
      port = UInt16(truncatingIfNeeded: first >> 16)
      if first & 0xFFFF == UInt64(Sockets.Family.inet) {
        high = 0
        low = (first >> 32) << 32 | 0xFFFF_0000
      } else {
        // sockaddr_in6: the address lies at bytes 8 to 23.
        high = record.bytes.1
        low = record.bytes.2
      }
    }
  }
}
