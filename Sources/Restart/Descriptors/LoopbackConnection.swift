internal import CImage
internal import Kernel
internal import KernelABI

/// TCP connections within this machine, made by way of a socket that listens only for them.
enum LoopbackConnection {
  /// Connects the address that `client` had to the address `server`.
  ///
  /// The ports are free as soon as both ends are gone, with SO_REUSEADDR.
  ///
  /// - Returns: the end at `server`, then the other.
  static func make(
    from client: ckpt_file_socket, to server: SocketAddress, type: Int32
  ) throws(Errno) -> Sockets.Pair {
    let listener = FileDescriptor(adopting: try Sockets.make(server.family, type, 6))
    try Sockets.setOption(listener.number, .reuseAddress, 1)
    try Sockets.bind(listener.number, to: server)
    try Sockets.listen(listener.number, backlog: 1)
    let end = FileDescriptor(adopting: try Sockets.make(client.family, type, 6))
    try Sockets.setOption(end.number, .reuseAddress, 1)
    try Sockets.bind(end.number, to: SocketAddress(client.local))
    try Sockets.connect(end.number, to: SocketAddress(client.remote))
    let accepted = try accept(on: listener.number, from: SocketAddress(client.local).port)
    return Sockets.Pair(first: accepted, second: end.relinquish())
  }

  /// Others may connect to the address too, while it is there.
  private static func accept(on listener: Int32, from port: UInt16) throws(Errno) -> Int32 {
    while true {
      let number = try Sockets.accept(listener)
      if try Sockets.remoteAddress(number).port == port { return number }
      closeDescriptor(number)
    }
  }

  /// Any connection, on ports that the kernel chooses.
  static func make(family: Int32) throws(Errno) -> Sockets.Pair {
    let listener = FileDescriptor(
      adopting: try Sockets.make(family, Sockets.Kind.stream, 6))
    try Sockets.bind(listener.number, to: loopback(family))
    try Sockets.listen(listener.number, backlog: 1)
    let end = FileDescriptor(adopting: try Sockets.make(family, Sockets.Kind.stream, 6))
    try Sockets.connect(end.number, to: try Sockets.localAddress(listener.number))
    let accepted = try Sockets.accept(listener.number)
    return Sockets.Pair(first: accepted, second: end.relinquish())
  }

  private static func loopback(_ family: Int32) -> SocketAddress {
    if family == Sockets.Family.inet {
      var address = SocketAddress(byteCount: 16)  // 127.0.0.1
      address.setByte(UInt8(family), at: 0)
      address.setByte(127, at: 4)
      address.setByte(1, at: 7)
      return address
    }
    var address = SocketAddress(byteCount: 28)  // ::1
    address.setByte(UInt8(truncatingIfNeeded: family), at: 0)
    address.setByte(1, at: 23)
    return address
  }
}
