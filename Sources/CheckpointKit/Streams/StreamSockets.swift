internal import Kernel
internal import KernelABI

/// Connections of a stream's ends.
enum StreamSockets {
  private static let nonBlocking: Int32 = 0o4000

  static func address(of place: StreamPlace) throws(StreamFailure) -> SocketAddress {
    switch place {
    case .tcp(let host, let port): return try hostAddress(host, port, isDatagram: false)
    case .udp(let host, let port): return try hostAddress(host, port, isDatagram: true)
    case .unix(let path): return unixAddress(path)
    case .standard, .file: return SocketAddress()
    }
  }

  /// Source: unix(7), sockaddr_un.
  private static func unixAddress(_ path: String) -> SocketAddress {
    let bytes = Array(path.utf8)
    var address = SocketAddress(byteCount: UInt32(bytes.count + 3))
    address.setByte(1, at: 0)
    for (index, byte) in bytes.enumerated() { address.setByte(byte, at: index + 2) }
    return address
  }

  /// Connects within the patience for it.
  ///
  /// - Parameter signals: a descriptor that is readable when it is to be given up; -1: none.
  /// - Throws: `connect` with EINTR when it was given up.
  static func connect(
    to place: StreamPlace, _ patience: StreamPatience, interruptedBy signals: Int32 = -1
  ) throws(StreamFailure) -> FileDescriptor {
    let address = try address(of: place)
    do throws(Errno) {
      let socket = FileDescriptor(
        adopting: try Sockets.make(
          address.family, Sockets.Kind.stream | nonBlocking, 0))
      do throws(Errno) {
        try Sockets.connect(socket.number, to: address)
      } catch {
        guard error == .inProgress else { throw error }
        let ready = try waitReady(
          [(socket.number, Descriptors.Poll.output), (signals, Descriptors.Poll.input)],
          until: monotonicTime() &+ UInt64(patience.connect) * 1_000_000)
        guard !ready[1] else { throw .interrupted }
        guard ready[0] else { throw .timedOut }
        let result = try Sockets.option(socket.number, .error)
        if result != 0 { throw Errno(rawValue: result) }
      }
      return socket
    } catch {
      throw .connect(place.text, error)
    }
  }

  /// Waits for one sender, for as long as it takes, and takes no other.
  ///
  /// `isReady` hears of it when senders may come.
  static func accept(
    at place: StreamPlace, isReady: () -> Void
  ) throws(StreamFailure) -> FileDescriptor {
    let address = try address(of: place)
    do throws(Errno) {
      let socket = FileDescriptor(
        adopting: try Sockets.make(address.family, Sockets.Kind.stream, 0))
      // A port of a connection that has just ended may be had again.
      _ = try? Sockets.setOption(socket.number, .reuseAddress, 1)
      try Sockets.bind(socket.number, to: address)
      defer { if case .unix(let path) = place { _ = try? HostFiles.remove(path) } }
      if case .unix(let path) = place {
        try withPath(path) { path throws(Errno) in try Files.setMode(path: path, 0o600) }
      }
      try Sockets.listen(socket.number, backlog: 1)
      isReady()
      while true {
        let connection = FileDescriptor(adopting: try Sockets.accept(socket.number))
        if isOurs(connection.number, place) { return connection }
      }
    } catch {
      throw .listen(place.text, error)
    }
  }

  /// Whether the one at the other end of a Unix socket is this user or root.
  ///
  /// Who sends over a network shows by the key that it may.
  private static func isOurs(_ number: Int32, _ place: StreamPlace) -> Bool {
    guard case .unix = place else { return true }
    return (try? PeerCredentials(of: number))?.isOwnUserOrRoot == true
  }
}
