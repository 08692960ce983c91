internal import CImage
internal import Kernel
internal import KernelABI

/// The connected TCP sockets of the program, with the addresses of both ends.
struct ConnectionList: BitwiseCopyable {
  private struct Connection: BitwiseCopyable {
    var file: Int32
    var local: InternetAddress
    var remote: InternetAddress
  }

  private var connections: Table<Connection>

  /// - Parameter capacity: how many sockets there are.
  init(in scratch: inout Arena, capacity: Int) throws(Errno) {
    connections = try Table(in: &scratch, capacity: capacity)
  }

  mutating func append(
    file: Int, from local: InternetAddress, to remote: InternetAddress
  ) throws(Errno) {
    try connections.append(Connection(file: Int32(file), local: local, remote: remote))
  }

  /// The file at the other end of a file's connection, `nil`: it is not in the list.
  func peer(of file: Int) -> Int? {
    for index in 0..<connections.count where connections[index].file == Int32(file) {
      let own = connections[index]
      for other in 0..<connections.count where other != index {
        let peer = connections[other]
        if peer.local == own.remote, peer.remote == own.local { return Int(peer.file) }
      }
    }
    return nil
  }
}

/// An address and port; IPv4 as IPv6 maps it, since one end may say it so and the other not.
struct InternetAddress: Equatable, BitwiseCopyable {
  private var high: UInt64
  private var low: UInt64
  private var port: UInt16

  /// - Returns: `nil` for an address of another family.
  init?(_ address: SocketAddress) {
    port = address.port
    switch address.family {
    case Sockets.Family.inet:
      high = 0
      low = (address.storage[0] >> 32) << 32 | 0xFFFF_0000
    case Sockets.Family.inet6:
      // sockaddr_in6: the address lies at bytes 8 to 23.
      high = address.storage[1]
      low = address.storage[2]
    default: return nil
    }
  }
}
