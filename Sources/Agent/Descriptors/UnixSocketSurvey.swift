internal import CImage
internal import Kernel
internal import KernelABI

enum UnixSocketSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ record: inout ckpt_file_socket,
    _ draft: inout ImageDraft, _ peers: PeerSearch
  ) throws(CaptureFailure) {
    let diagnosis = try item.doing { () throws(Errno) in
      try UnixDiagnosis(inode: item.status.inode)
    }
    if record.type != Sockets.Kind.stream { record.flags |= CKPT_SOCKET_MESSAGES }
    if diagnosis.shutdown & 1 != 0 { record.flags |= CKPT_SOCKET_SHUT_READ }
    if diagnosis.shutdown & 2 != 0 { record.flags |= CKPT_SOCKET_SHUT_WRITE }
    noteName(&record, diagnosis)
    if diagnosis.state == UnixDiagnosis.listening {
      record.state = CKPT_SOCKET_LISTENING
      record.backlog = diagnosis.backlog
      return
    }
    noteConnection(item, &record, diagnosis, peers)
    guard record.state != CKPT_SOCKET_STANDARD else { return }
    file.object = try received(item, record, &draft)
  }

  /// Its file, if its name is a path, and whether that file is still its own.
  private static func noteName(_ record: inout ckpt_file_socket, _ diagnosis: UnixDiagnosis) {
    guard record.local.byte_count > 2 else { return }
    record.flags |= CKPT_SOCKET_BOUND
    let address = withUnixPath(record.local)
    guard var path = address else { return }
    let status = try? path.withPath { (path) throws(Errno) in try FileStatus(path: path) }
    if let status, UInt32(truncatingIfNeeded: status.inode) == diagnosis.fileInode {
      record.path_mode = status.mode
    } else {
      record.flags |= CKPT_SOCKET_PATH_GONE
    }
  }

  /// - Returns: `nil` for a name in the abstract namespace.
  private static func withUnixPath(_ address: ckpt_socket_address) -> Line? {
    var address = address
    let count = Int(min(address.byte_count, 112))
    var path = Line()
    _ = try? withAddress(of: &address.bytes) { (place) throws(Errno) in
      for index in 2..<count {
        let byte = Memory.load(UInt8.self, at: place + UInt64(index))
        if byte == 0 { break }
        path.append(byte)
      }
    }
    return path.count > 0 ? path : nil
  }

  private static func noteConnection(
    _ item: OpenFile, _ record: inout ckpt_file_socket, _ diagnosis: UnixDiagnosis,
    _ peers: PeerSearch
  ) {
    // Not by the state: a datagram socket that others are connected to counts as established.
    guard let remote = try? Sockets.remoteAddress(item.number) else { return }
    record.remote = SocketSurvey.record(remote)
    let isDatagram = record.type == Sockets.Kind.datagram
    let peer = peers.unixSocket(item.index, connectedTo: diagnosis.peer) {
      !isDatagram || isConnected($0, to: item)
    }
    switch peer {
    case .own(let file):
      record.state = CKPT_SOCKET_PAIRED
      record.peer = UInt32(file)
    case _ where isDatagram && record.remote.byte_count > 2:
      record.state = CKPT_SOCKET_CONNECTED
    case .standard(let number):
      record.state = CKPT_SOCKET_STANDARD
      record.standard = number
    case .member, .outside, .gone: record.state = CKPT_SOCKET_LOST
    }
  }

  /// Whether the socket with an inode is connected to this one.
  private static func isConnected(_ inode: UInt64, to item: OpenFile) -> Bool {
    (try? UnixDiagnosis(inode: inode))?.peer == UInt32(truncatingIfNeeded: item.status.inode)
  }

  /// Walks the queue with SO_PEEK_OFF, which belongs to the program: it gets its value back.
  private static func received(
    _ item: OpenFile, _ record: ckpt_file_socket, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> UInt32 {
    let saved = try item.doing { () throws(Errno) in
      let saved = try Sockets.option(item.number, .peekOffset)
      try Sockets.setOption(item.number, .peekOffset, 0)
      return saved
    }
    defer { try? Sockets.setOption(item.number, .peekOffset, saved) }
    let bytes = try SocketSurvey.queue(
      item, framed: record.flags & CKPT_SOCKET_MESSAGES != 0, &draft)
    return try QueueSurvey.object(item, holding: bytes, &draft)
  }
}
