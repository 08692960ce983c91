internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// TCP and UDP over either IP.
enum InetSocketSurvey {
  private static let tcp: Int32 = 6

  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ record: inout ckpt_file_socket,
    _ draft: inout ImageDraft, _ peers: PeerSearch
  ) throws(CaptureFailure) {
    let local = try item.doing { () throws(Errno) in try Sockets.localAddress(item.number) }
    if local.port != 0 { record.flags |= CKPT_SOCKET_BOUND }
    switch (record.type, record.protocol) {
    case (Sockets.Kind.stream, tcp):
      try connection(item, &file, &record, &draft, peers)
    case (Sockets.Kind.datagram, _):
      if let remote = try? Sockets.remoteAddress(item.number) {
        record.state = CKPT_SOCKET_CONNECTED
        record.remote = SocketSurvey.record(remote)
      }
    default: throw item.refused(.unknownDescriptorKind)
    }
  }

  /// The head of struct tcp_info.
  ///
  /// Source: `include/uapi/linux/tcp.h`.
  private struct Information: BitwiseCopyable {
    var state: UInt8 = 0
    var words = InlineArray<7, UInt32>(repeating: 0)
    /// Of a listening socket: the longest its queue may get (tcpi_sacked).
    var backlog: UInt32 { words[6] }
  }

  private enum State {
    static let established: UInt8 = 1
    static let synSent: UInt8 = 2
    static let synReceived: UInt8 = 3
    static let closed: UInt8 = 7
    static let closeWait: UInt8 = 8
    static let listening: UInt8 = 10
  }

  private static func connection(
    _ item: OpenFile, _ file: inout ckpt_file, _ record: inout ckpt_file_socket,
    _ draft: inout ImageDraft, _ peers: PeerSearch
  ) throws(CaptureFailure) {
    var information = Information()
    _ = try item.doing { () throws(Errno) in
      try Sockets.option(item.number, .tcpInformation, into: &information)
    }
    switch information.state {
    case State.listening:
      record.state = CKPT_SOCKET_LISTENING
      record.backlog = information.backlog
    case State.synSent, State.synReceived: throw item.refused(.connectionInProgress)
    case State.closed:
      if hasEnded(item) { record.state = CKPT_SOCKET_LOST }
    default:
      try connected(item, &file, &record, information.state, &draft, peers)
    }
  }

  /// Tells a socket whose connection is over from one that never had one.
  private static func hasEnded(_ item: OpenFile) -> Bool {
    let hangUp = Descriptors.Poll.readHangUp
    return ((try? Descriptors.poll(item.number, for: hangUp)) ?? 0) & hangUp != 0
  }

  private static func connected(
    _ item: OpenFile, _ file: inout ckpt_file, _ record: inout ckpt_file_socket, _ state: UInt8,
    _ draft: inout ImageDraft, _ peers: PeerSearch
  ) throws(CaptureFailure) {
    try note(peers.connection(item.index), of: item, &record)
    if let remote = try? Sockets.remoteAddress(item.number) {
      record.remote = SocketSurvey.record(remote)
    }
    if state != State.established, state != State.closeWait {
      record.flags |= CKPT_SOCKET_SHUT_WRITE
    }
    let count = try item.doing { () throws(Errno) in try Descriptors.readable(item.number) }
    guard count > 0 else { return }
    let bytes = try item.doing { () throws(Errno) in
      let control = try draft.scratch.reserve(4096)
      let place = try draft.scratch.reserve(UInt64(count))
      let peeked = try Sockets.peek(
        item.number, to: place, byteCount: count, control: control)
      return RawBytes(start: place, count: peeked.byteCount)
    }
    file.object = try QueueSurvey.object(item, holding: bytes, &draft)
  }

  private static func note(
    _ peer: Peer, of item: OpenFile, _ record: inout ckpt_file_socket
  ) throws(CaptureFailure) {
    switch peer {
    case .own(let file):
      record.state = CKPT_SOCKET_PAIRED
      record.peer = UInt32(file)
      try checkIsDelivered(item)
    case .standard(let number):
      record.state = CKPT_SOCKET_STANDARD
      record.standard = number
    case .member, .outside, .gone: record.state = CKPT_SOCKET_LOST
    }
  }

  /// Bytes that wait for room at the other end can't be seen from either.
  private static func checkIsDelivered(_ item: OpenFile) throws(CaptureFailure) {
    if let waiting = try? Sockets.unsentByteCount(item.number), waiting > 0 {
      throw item.refused(.contentsUnreadable)
    }
  }
}
