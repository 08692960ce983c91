internal import CImage
internal import Kernel
internal import KernelABI

/// The options of a socket, as they are kept in its detail.
enum SocketOptions {
  /// Appends the options of a socket to its detail.
  ///
  /// - Returns: how many.
  static func append(
    _ item: OpenFile, of socket: SocketOptionTable.Socket, to writer: inout DetailWriter,
    _ draft: inout ImageDraft
  ) throws(Errno) -> UInt32 {
    // Which of the buffers' sizes were set. The kernel adapts the others to the
    // connection, so a new connection finds its own.
    let locks = socket.isConnected ? (try? Sockets.option(item.number, .bufferLocks)) ?? 3 : 3
    var count: UInt32 = 0
    var kept = writer
    try SocketOptionTable.forEach(of: socket) { (name) throws(Errno) in
      guard !isAutomatic(name, locks) else { return }
      var option = ckpt_socket_option()
      option.level = name.level
      option.name = name.name
      guard
        let byteCount = try? Sockets.option(item.number, name, into: &option.value)
      else { return }
      if option.value.0 | option.value.1 == 0, SocketOptionTable.startsAtZero(name) { return }
      option.byte_count = byteCount
      try kept.append(option, &draft)
      count += 1
    }
    writer = kept
    return count
  }

  /// SO_SNDBUF or SO_RCVBUF of a connection that did not set it.
  private static func isAutomatic(_ option: SocketOption, _ locks: Int32) -> Bool {
    switch option {
    case .sendBuffer: locks & 1 == 0
    case .receiveBuffer: locks & 2 == 0
    default: false
    }
  }
}
