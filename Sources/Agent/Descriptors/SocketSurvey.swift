internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Sockets: what they are, then what their family has to add.
enum SocketSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    file.path = try item.path(&draft)
    guard !item.isPath else { throw item.refused(.unknownDescriptorKind) }
    var record = try basics(item)
    switch record.family {
    case Sockets.Family.unix:
      file.kind = CKPT_FILE_UNIX_SOCKET
      try UnixSocketSurvey.run(item, &file, &record, &draft, list.peers(in: draft))
    case Sockets.Family.inet, Sockets.Family.inet6:
      file.kind = CKPT_FILE_INET_SOCKET
      try InetSocketSurvey.run(item, &file, &record, &draft, list.peers(in: draft))
    case Sockets.Family.netlink:
      file.kind = CKPT_FILE_NETLINK_SOCKET
      record.flags |= CKPT_SOCKET_BOUND
    default: throw item.refused(.unknownDescriptorKind)
    }
    try write(record, item, &file, &draft)
  }

  private static func basics(_ item: OpenFile) throws(CaptureFailure) -> ckpt_file_socket {
    try item.doing { () throws(Errno) in
      var record = ckpt_file_socket()
      record.family = try Sockets.option(item.number, .domain)
      record.type = try Sockets.option(item.number, .kind)
      record.protocol = try Sockets.option(item.number, .protocol)
      record.state = CKPT_SOCKET_UNCONNECTED
      record.peer = CKPT_NONE
      record.standard = -1
      record.local = Self.record(try Sockets.localAddress(item.number))
      return record
    }
  }

  /// The form that an address has in the image.
  static func record(_ address: SocketAddress) -> ckpt_socket_address {
    var record = ckpt_socket_address()
    record.byte_count = address.byteCount
    let bytes = address.storage
    record.bytes = (
      bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
      bytes[9], bytes[10], bytes[11], bytes[12], bytes[13]
    )
    return record
  }

  private static func write(
    _ record: ckpt_file_socket, _ item: OpenFile, _ file: inout ckpt_file,
    _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    var record = record
    var writer = try DetailWriter(item, &draft)
    let place = draft.details.next
    try item.doing { () throws(Errno) in
      try writer.append(record, &draft)
      record.option_count = try SocketOptions.append(
        item, of: options(of: record), to: &writer, &draft)
    }
    Memory.store(record, at: place)
    file.detail = try writer.end(item, &draft)
  }

  private static func options(of record: ckpt_file_socket) -> SocketOptionTable.Socket {
    SocketOptionTable.Socket(
      family: record.family, protocol: record.protocol,
      isConnected: record.state != CKPT_SOCKET_UNCONNECTED
        && record.state != CKPT_SOCKET_LISTENING)
  }

  /// Gathers what a socket has received, without taking it out.
  static func queue(
    _ item: OpenFile, framed: Bool, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> RawBytes {
    let control = try item.doing { () throws(Errno) in try draft.scratch.reserve(4096) }
    var queue = QueueWriter(draft)
    var hasDescriptors = false
    var empty = 0
    while empty < 2 {
      let count: Int?
      do throws(Errno) {
        count = try queue.append(framed: framed, &draft) { (place, room) throws(Errno) in
          let peeked = try Sockets.peek(
            item.number, to: place, byteCount: room, control: control)
          if peeked.hasDescriptors { hasDescriptors = true }
          return peeked.byteCount
        }
      } catch {
        guard error == .tryAgain || error == .invalid || error.rawValue == 107 else {
          throw item.refused(.contentsUnreadable, error)
        }
        count = nil
      }
      if hasDescriptors { throw item.refused(.descriptorsInFlight) }
      guard let count, count > 0 || framed else { break }
      empty = count == 0 ? empty + 1 : 0
    }
    return queue.bytes
  }
}
