public import KernelABI

/// An option of a socket.
///
/// Source: socket(7), tcp(7), netlink(7); `include/uapi/asm-generic/socket.h`.
public struct SocketOption: Equatable, Sendable, BitwiseCopyable {
  public let level: Int32
  public let name: Int32

  @inline(__always) public init(level: Int32, name: Int32) {
    self.level = level
    self.name = name
  }

  /// SOL_SOCKET.
  public static let socketLevel: Int32 = 1
  /// IPPROTO_TCP.
  public static let tcpLevel: Int32 = 6

  public static let reuseAddress = SocketOption(level: 1, name: 2)  // SO_REUSEADDR
  public static let kind = SocketOption(level: 1, name: 3)  // SO_TYPE
  public static let error = SocketOption(level: 1, name: 4)  // SO_ERROR
  public static let sendBuffer = SocketOption(level: 1, name: 7)  // SO_SNDBUF
  public static let receiveBuffer = SocketOption(level: 1, name: 8)  // SO_RCVBUF
  public static let peerCredentials = SocketOption(level: 1, name: 17)  // SO_PEERCRED
  public static let receiveTimeout = SocketOption(level: 1, name: 20)  // SO_RCVTIMEO
  public static let sendTimeout = SocketOption(level: 1, name: 21)  // SO_SNDTIMEO
  public static let forcedSendBuffer = SocketOption(level: 1, name: 32)  // SO_SNDBUFFORCE
  public static let `protocol` = SocketOption(level: 1, name: 38)  // SO_PROTOCOL
  public static let domain = SocketOption(level: 1, name: 39)  // SO_DOMAIN
  public static let peekOffset = SocketOption(level: 1, name: 42)  // SO_PEEK_OFF
  public static let bufferLocks = SocketOption(level: 1, name: 72)  // SO_BUF_LOCK
  public static let tcpInformation = SocketOption(level: 6, name: 11)  // TCP_INFO
  // NETLINK_LIST_MEMBERSHIPS
  public static let netlinkMemberships = SocketOption(level: 270, name: 9)
  public static let netlinkMembership = SocketOption(level: 270, name: 1)  // NETLINK_ADD_MEMBERSHIP
}

/// Who is at the other end of a Unix socket.
///
/// Source: unix(7), SO_PEERCRED.
public struct PeerCredentials: BitwiseCopyable {
  public let process: Int32
  public let user: UInt32
  public let group: UInt32

  /// What users look like that have no number in this user namespace.
  ///
  /// Source: user_namespaces(7).
  public static let overflowUser: UInt32 = 65534

  public init(of socket: Int32) throws(Errno) {
    var words = InlineArray<3, UInt32>(repeating: 0)
    _ = try Sockets.option(socket, .peerCredentials, into: &words)
    process = Int32(bitPattern: words[0])
    user = words[1]
    group = words[2]
  }

  /// Whether it is this process's user, or root.
  public var isOwnUserOrRoot: Bool { user == 0 || user == OwnIDs.effectiveUser }
}
