internal import CImage
internal import Kernel
internal import KernelABI

/// The options that are kept, by level and name.
///
/// Source: socket(7), ip(7), ipv6(7), tcp(7), udp(7), unix(7), netlink(7) and their headers.
enum SocketOptions {
  /// Appends the options of a socket to its detail.
  ///
  /// - Returns: how many.
  static func append(
    _ item: OpenFile, family: Int32, protocol: Int32, to writer: inout DetailWriter,
    _ survey: inout Survey
  ) throws(Errno) -> UInt32 {
    // Which of the buffers' sizes were set, not found by the kernel itself.
    let locks = (try? Sockets.option(item.number, .bufferLocks)) ?? 3
    var count: UInt32 = 0
    let lists: InlineArray<3, (level: Int32, names: InlineArray<24, Int32>)> = [
      (1, general), specific(family), transport(family, `protocol`),
    ]
    for list in 0..<3 {
      for position in 0..<24 {
        let name = lists[list].names[position]
        guard name > 0, !isAutomatic(lists[list].level, name, locks),
          !isMeaningless(lists[list].level, name, isStream: `protocol` == 6)
        else { continue }
        var option = ckpt_socket_option()
        option.level = lists[list].level
        option.name = name
        guard
          let byteCount = try? Sockets.option(
            item.number, SocketOption(level: option.level, name: name), into: &option.value)
        else { continue }
        option.byte_count = byteCount
        try writer.append(option, &survey)
        count += 1
      }
    }
    return count
  }

  /// A size of SO_SNDBUF or SO_RCVBUF that nobody asked for.
  private static func isAutomatic(_ level: Int32, _ name: Int32, _ locks: Int32) -> Bool {
    switch SocketOption(level: level, name: name) {
    case .sendBuffer: locks & 1 == 0
    case .receiveBuffer: locks & 2 == 0
    default: false
    }
  }

  /// MULTICAST_TTL, which a connection tells but does not let itself be told (ip(7)).
  private static func isMeaningless(_ level: Int32, _ name: Int32, isStream: Bool) -> Bool {
    isStream && (level == 0 && name == 33 || level == 41 && name == 18)
  }

  /// REUSEADDR, DONTROUTE, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, OOBINLINE, PRIORITY, LINGER,
  /// REUSEPORT, PASSCRED, RCVLOWAT, RCVTIMEO, SNDTIMEO, BINDTODEVICE, TIMESTAMP, PASSSEC,
  /// TIMESTAMPNS, MARK, RXQ_OVFL, PEEK_OFF, BUSY_POLL, ZEROCOPY, PASSPIDFD.
  private static var general: InlineArray<24, Int32> {
    [
      2, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 18, 20, 21, 25, 29, 34, 35, 36, 40, 42, 46, 60, 76,
    ]
  }

  private static func specific(
    _ family: Int32
  ) -> (level: Int32, names: InlineArray<24, Int32>) {
    switch family {
    case Sockets.Family.inet:
      // TOS, TTL, PKTINFO, MTU_DISCOVER, RECVERR, RECVTTL, RECVTOS, FREEBIND, TRANSPARENT,
      // BIND_ADDRESS_NO_PORT, MULTICAST_TTL, MULTICAST_LOOP, MULTICAST_ALL.
      return (
        0, [1, 2, 8, 10, 11, 12, 13, 15, 19, 24, 33, 34, 49, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      )
    case Sockets.Family.inet6:
      // UNICAST_HOPS, MULTICAST_HOPS, MULTICAST_LOOP, MTU_DISCOVER, RECVERR, V6ONLY, RECVPKTINFO,
      // RECVHOPLIMIT, RECVTCLASS, TCLASS.
      return (
        41, [26, 16, 18, 19, 23, 25, 49, 51, 66, 67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      )
    case Sockets.Family.netlink:
      // PKTINFO, BROADCAST_ERROR, NO_ENOBUFS, LIST_MEMBERSHIPS, CAP_ACK, EXT_ACK, GET_STRICT_CHK.
      return (270, [3, 4, 5, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    default: return (-1, InlineArray(repeating: 0))
    }
  }

  private static func transport(
    _ family: Int32, _ protocol: Int32
  ) -> (level: Int32, names: InlineArray<24, Int32>) {
    guard family == Sockets.Family.inet || family == Sockets.Family.inet6 else {
      return (-1, InlineArray(repeating: 0))
    }
    switch `protocol` {
    case 6:
      // NODELAY, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER_ACCEPT, CONGESTION,
      // USER_TIMEOUT, FASTOPEN, NOTSENT_LOWAT, FASTOPEN_CONNECT.
      return (
        6, [1, 3, 4, 5, 6, 7, 8, 9, 13, 18, 23, 25, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      )
    case 17:
      // CORK, SEGMENT, GRO.
      return (17, [1, 103, 104, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    default: return (-1, InlineArray(repeating: 0))
    }
  }
}
