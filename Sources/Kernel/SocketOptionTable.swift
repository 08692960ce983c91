/// The options that getsockopt(2) reads and setsockopt(2) sets, in the order in which they are set.
///
/// Left out: what only reads (SO_ERROR), what only sets (SO_ATTACH_FILTER is kept by its own call),
/// what the kernel changes by itself (TCP_QUICKACK), values over 16 bytes, memberships
/// of multicast groups (no call reads them).
public enum SocketOptionTable {
  /// What decides which options a socket has.
  public struct Socket: BitwiseCopyable {
    public var family: Int32
    public var `protocol`: Int32
    /// It has or had a peer: some options then read as what the connection negotiated.
    public var isConnected: Bool

    public init(family: Int32, protocol: Int32, isConnected: Bool) {
      self.family = family
      self.protocol = `protocol`
      self.isConnected = isConnected
    }
  }

  /// Calls `body` with each option of a socket.
  public static func forEach<Failure: Error>(
    of socket: Socket, _ body: (SocketOption) throws(Failure) -> Void
  ) throws(Failure) {
    // IP_TOS changes SO_PRIORITY, so the general ones come last.
    switch socket.family {
    case Sockets.Family.inet:
      try run(0, internet, body)
      try runTransport(of: socket, body)
    case Sockets.Family.inet6:
      try run(0, internet, body)
      try run(41, internet6, body)
      try runTransport(of: socket, body)
    case Sockets.Family.netlink: try run(270, netlink, body)
    default: break
    }
    try run(1, general, body)
  }

  /// Whether a new socket reads zero here, so that a zero need not be kept.
  ///
  /// False for those that the kernel or a sysctl(8) starts at another value.
  public static func startsAtZero(_ option: SocketOption) -> Bool {
    switch (option.level, option.name) {
    case (1, 7), (1, 8), (1, 18), (1, 42), (1, 46), (1, 47), (1, 49), (1, 74), (1, 83): false
    // SO_BUF_LOCK is set by setting a size, so its zero has to be set again.
    case (1, 72): false
    case (0, 2), (0, 10), (0, 33), (0, 34), (0, 49): false
    case (41, 16), (41, 18), (41, 19), (41, 23), (41, 29), (41, 70), (41, 72): false
    case (6, 2), (6, 4...8), (6, 13), (6, 25), (6, 44...46): false
    default: true
    }
  }

  private static func runTransport<Failure: Error>(
    of socket: Socket, _ body: (SocketOption) throws(Failure) -> Void
  ) throws(Failure) {
    if socket.protocol == 6 {
      try run(6, tcp, body)
      if !socket.isConnected { try run(6, tcpUnconnected, body) }
    } else {
      // A TCP connection reads them and refuses to set them (ip(7)).
      try run(0, multicast, body)
      if socket.family == Sockets.Family.inet6 { try run(41, multicast6, body) }
      if socket.protocol == 17 { try run(17, udp, body) }
    }
  }

  private static func run<let count: Int, Failure: Error>(
    _ level: Int32, _ names: InlineArray<count, Int32>,
    _ body: (SocketOption) throws(Failure) -> Void
  ) throws(Failure) {
    for index in names.indices {
      try body(SocketOption(level: level, name: names[index]))
    }
  }

  /// Source: `include/uapi/asm-generic/socket.h`.
  private static var general: InlineArray<44, Int32> {
    [
      2,  // SO_REUSEADDR
      5,  // SO_DONTROUTE
      6,  // SO_BROADCAST
      7,  // SO_SNDBUF
      8,  // SO_RCVBUF
      9,  // SO_KEEPALIVE
      10,  // SO_OOBINLINE
      11,  // SO_NO_CHECK
      12,  // SO_PRIORITY
      13,  // SO_LINGER
      15,  // SO_REUSEPORT
      16,  // SO_PASSCRED
      18,  // SO_RCVLOWAT
      20,  // SO_RCVTIMEO
      21,  // SO_SNDTIMEO
      25,  // SO_BINDTODEVICE
      29,  // SO_TIMESTAMP
      34,  // SO_PASSSEC
      35,  // SO_TIMESTAMPNS
      36,  // SO_MARK
      37,  // SO_TIMESTAMPING
      40,  // SO_RXQ_OVFL
      41,  // SO_WIFI_STATUS
      42,  // SO_PEEK_OFF
      43,  // SO_NOFCS
      45,  // SO_SELECT_ERR_QUEUE
      46,  // SO_BUSY_POLL
      47,  // SO_MAX_PACING_RATE
      49,  // SO_INCOMING_CPU
      60,  // SO_ZEROCOPY
      61,  // SO_TXTIME
      63,  // SO_TIMESTAMP_NEW
      64,  // SO_TIMESTAMPNS_NEW
      65,  // SO_TIMESTAMPING_NEW
      69,  // SO_PREFER_BUSY_POLL
      70,  // SO_BUSY_POLL_BUDGET
      73,  // SO_RESERVE_MEM
      74,  // SO_TXREHASH
      75,  // SO_RCVMARK
      76,  // SO_PASSPIDFD
      82,  // SO_RCVPRIORITY
      83,  // SO_PASSRIGHTS
      72,  // SO_BUF_LOCK: setting a size sets it
      44,  // SO_LOCK_FILTER: nothing can be attached after it
    ]
  }

  /// Also of IPv6 sockets, which may speak IPv4.
  ///
  /// Source: ip(7), `include/uapi/linux/in.h`.
  private static var internet: InlineArray<24, Int32> {
    [
      1,  // IP_TOS
      2,  // IP_TTL
      6,  // IP_RECVOPTS
      7,  // IP_RETOPTS
      8,  // IP_PKTINFO
      10,  // IP_MTU_DISCOVER
      11,  // IP_RECVERR
      12,  // IP_RECVTTL
      13,  // IP_RECVTOS
      15,  // IP_FREEBIND
      18,  // IP_PASSSEC
      19,  // IP_TRANSPARENT
      20,  // IP_RECVORIGDSTADDR
      21,  // IP_MINTTL
      22,  // IP_NODEFRAG
      23,  // IP_CHECKSUM
      24,  // IP_BIND_ADDRESS_NO_PORT
      25,  // IP_RECVFRAGSIZE
      26,  // IP_RECVERR_RFC4884
      32,  // IP_MULTICAST_IF
      34,  // IP_MULTICAST_LOOP
      49,  // IP_MULTICAST_ALL
      50,  // IP_UNICAST_IF
      51,  // IP_LOCAL_PORT_RANGE
    ]
  }

  private static var multicast: InlineArray<1, Int32> { [33] }  // IP_MULTICAST_TTL
  private static var multicast6: InlineArray<1, Int32> { [18] }  // IPV6_MULTICAST_HOPS

  /// Source: ipv6(7), `include/uapi/linux/in6.h`.
  private static var internet6: InlineArray<34, Int32> {
    [
      26,  // IPV6_V6ONLY
      2,  // IPV6_2292PKTINFO
      3,  // IPV6_2292HOPOPTS
      4,  // IPV6_2292DSTOPTS
      5,  // IPV6_2292RTHDR
      8,  // IPV6_2292HOPLIMIT
      11,  // IPV6_FLOWINFO
      16,  // IPV6_UNICAST_HOPS
      17,  // IPV6_MULTICAST_IF
      19,  // IPV6_MULTICAST_LOOP
      23,  // IPV6_MTU_DISCOVER
      25,  // IPV6_RECVERR
      29,  // IPV6_MULTICAST_ALL
      30,  // IPV6_ROUTER_ALERT_ISOLATE
      31,  // IPV6_RECVERR_RFC4884
      33,  // IPV6_FLOWINFO_SEND
      49,  // IPV6_RECVPKTINFO
      51,  // IPV6_RECVHOPLIMIT
      53,  // IPV6_RECVHOPOPTS
      56,  // IPV6_RECVRTHDR
      58,  // IPV6_RECVDSTOPTS
      60,  // IPV6_RECVPATHMTU
      62,  // IPV6_DONTFRAG
      66,  // IPV6_RECVTCLASS
      67,  // IPV6_TCLASS
      70,  // IPV6_AUTOFLOWLABEL
      72,  // IPV6_ADDR_PREFERENCES
      73,  // IPV6_MINHOPCOUNT
      74,  // IPV6_RECVORIGDSTADDR
      75,  // IPV6_TRANSPARENT
      76,  // IPV6_UNICAST_IF
      77,  // IPV6_RECVFRAGSIZE
      78,  // IPV6_FREEBIND
      36,  // IPV6_HDRINCL
    ]
  }

  /// Source: tcp(7), `include/uapi/linux/tcp.h`.
  private static var tcp: InlineArray<22, Int32> {
    [
      1,  // TCP_NODELAY
      3,  // TCP_CORK
      4,  // TCP_KEEPIDLE
      5,  // TCP_KEEPINTVL
      6,  // TCP_KEEPCNT
      7,  // TCP_SYNCNT
      8,  // TCP_LINGER2
      9,  // TCP_DEFER_ACCEPT
      13,  // TCP_CONGESTION
      16,  // TCP_THIN_LINEAR_TIMEOUTS
      17,  // TCP_THIN_DUPACK
      18,  // TCP_USER_TIMEOUT
      23,  // TCP_FASTOPEN
      25,  // TCP_NOTSENT_LOWAT
      27,  // TCP_SAVE_SYN
      30,  // TCP_FASTOPEN_CONNECT
      34,  // TCP_FASTOPEN_NO_COOKIE
      36,  // TCP_INQ
      37,  // TCP_TX_DELAY
      44,  // TCP_RTO_MAX_MS
      45,  // TCP_RTO_MIN_US
      46,  // TCP_DELACK_MAX_US
    ]
  }

  /// What a connection has negotiated or measured where nothing was set.
  private static var tcpUnconnected: InlineArray<2, Int32> {
    [
      2,  // TCP_MAXSEG
      10,  // TCP_WINDOW_CLAMP
    ]
  }

  /// Source: udp(7), `include/uapi/linux/udp.h`.
  private static var udp: InlineArray<6, Int32> {
    [
      1,  // UDP_CORK
      100,  // UDP_ENCAP
      101,  // UDP_NO_CHECK6_TX
      102,  // UDP_NO_CHECK6_RX
      103,  // UDP_SEGMENT
      104,  // UDP_GRO
    ]
  }

  /// Source: netlink(7), `include/uapi/linux/netlink.h`.
  private static var netlink: InlineArray<8, Int32> {
    [
      3,  // NETLINK_PKTINFO
      4,  // NETLINK_BROADCAST_ERROR
      5,  // NETLINK_NO_ENOBUFS
      8,  // NETLINK_LISTEN_ALL_NSID
      9,  // NETLINK_LIST_MEMBERSHIPS
      10,  // NETLINK_CAP_ACK
      11,  // NETLINK_EXT_ACK
      12,  // NETLINK_GET_STRICT_CHK
    ]
  }
}
