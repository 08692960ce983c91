internal import CImage
internal import Kernel
internal import KernelABI

/// Sockets: what all families share.
enum SocketRestore {
  /// Connections within the program, before a listening socket takes their address.
  static func comesFirst(_ index: Int, _ context: FileRestoreContext) -> Bool {
    let file = context.image.files[index]
    guard file.kind == CKPT_FILE_INET_SOCKET,
      let record = FileDetail(file, context.image)?.record(ckpt_file_socket.self)
    else { return false }
    return record.state == CKPT_SOCKET_PAIRED
  }

  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let record = try context.record(index, ckpt_file_socket.self)
    switch record.state {
    case CKPT_SOCKET_PAIRED: try ConnectedSockets.openPair(index, record, context)
    case CKPT_SOCKET_LOST: try ConnectedSockets.openLost(index, record, context)
    case CKPT_SOCKET_STANDARD: try replace(index, record, context)
    default: try openOne(index, record, context)
    }
  }

  private static func replace(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    guard (0...2).contains(record.standard) else { throw context.damaged(index) }
    let number = try context.doing("cannot replace descriptor", index) { () throws(Errno) in
      try context.standard(record.standard)
    }
    try context.keep(number, as: index)
  }

  private static func openOne(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let number = try context.doing("cannot make the socket of descriptor", index) {
      () throws(Errno) in
      try Sockets.make(record.family, record.type, record.protocol)
    }
    try context.keep(number, as: index)
    try setOptions(index, record, context)
    if record.flags & CKPT_SOCKET_BOUND != 0 { try SocketName.bind(index, record, context) }
    if record.state == CKPT_SOCKET_LISTENING {
      try context.doing("cannot listen on descriptor", index) { () throws(Errno) in
        try Sockets.listen(context.opened[index], backlog: record.backlog)
      }
    }
  }

  /// What must wait until every address is bound.
  static func finish(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    guard isSocket(file) else { return }
    let record = try context.record(index, ckpt_file_socket.self)
    // Also of those that had them: SO_REUSEADDR was on until all were bound.
    if record.state != CKPT_SOCKET_STANDARD { try setOptions(index, record, context) }
    if hasName(record), record.type == Sockets.Kind.datagram {
      try ConnectedSockets.fillByName(index, record, context)
    }
    if record.state == CKPT_SOCKET_CONNECTED {
      do throws(Errno) {
        try Sockets.connect(context.opened[index], to: SocketAddress(record.remote))
      } catch {
        context.warn("its peer is not there, so it is not connected again:", index)
      }
    }
    let isPair = record.state == CKPT_SOCKET_PAIRED || record.state == CKPT_SOCKET_LOST
    if record.type == Sockets.Kind.datagram, !isPair {
      try shutDown(index, record, context)
    }
  }

  private static func hasName(_ record: ckpt_file_socket) -> Bool {
    let wanted = CKPT_SOCKET_BOUND | CKPT_SOCKET_MESSAGES
    return record.family == Sockets.Family.unix && record.flags & wanted == wanted
      && record.state != CKPT_SOCKET_PAIRED && record.state != CKPT_SOCKET_LOST
  }

  static func isSocket(_ file: ckpt_file) -> Bool {
    file.kind == CKPT_FILE_UNIX_SOCKET || file.kind == CKPT_FILE_INET_SOCKET
      || file.kind == CKPT_FILE_NETLINK_SOCKET
  }

  static func shutDown(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    // A socket that nobody is connected to has nothing to shut down (ENOTCONN).
    if record.flags & CKPT_SOCKET_SHUT_READ != 0 {
      try? Sockets.shutDown(context.opened[index], how: 0)
    }
    if record.flags & CKPT_SOCKET_SHUT_WRITE != 0 {
      try? Sockets.shutDown(context.opened[index], how: 1)
    }
  }

  /// Sets those options that are not as they were already.
  static func setOptions(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let options = try context.detail(index).array(
      after: MemoryLayout<ckpt_file_socket>.size, of: ckpt_socket_option.self)
    for position in 0..<min(options.count, Int(record.option_count)) {
      let option = options[position]
      do throws(Errno) {
        try SocketOptionRestore.set(option, on: context.opened[index])
      } catch {
        context.warn("an option could not be set again on", index)
      }
    }
  }
}

extension SocketAddress {
  init(_ record: ckpt_socket_address) {
    let bytes = record.bytes
    self.init(
      byteCount: record.byte_count,
      [
        bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7, bytes.8, bytes.9,
        bytes.10, bytes.11, bytes.12, bytes.13,
      ])
  }
}

enum SocketOptionRestore {
  private typealias Value = InlineArray<2, UInt64>

  /// Sets an option unless it has the value already.
  static func set(_ option: ckpt_socket_option, on number: Int32) throws(Errno) {
    guard option.byte_count <= 16 else { throw .invalid }
    let wanted: Value = [option.value.0, option.value.1]
    let name = SocketOption(level: option.level, name: option.name)
    if name == .netlinkMemberships { return try join(wanted, number) }
    var current: Value = [0, 0]
    let byteCount = try? Sockets.option(number, name, into: &current)
    if byteCount == option.byte_count, current[0] == wanted[0], current[1] == wanted[1] { return }
    // They give twice what was asked for (socket(7)).
    if name == .sendBuffer || name == .receiveBuffer {
      return try Sockets.setOption(number, name, Int32(truncatingIfNeeded: wanted[0]) / 2)
    }
    try Sockets.setOption(number, name, wanted, byteCount: option.byte_count)
  }

  /// Memberships of a netlink socket.
  ///
  /// Source: netlink(7), NETLINK_ADD_MEMBERSHIP.
  private static func join(_ groups: Value, _ number: Int32) throws(Errno) {
    for group in 0..<128 where groups[group / 64] >> UInt64(group % 64) & 1 != 0 {
      try Sockets.setOption(number, .netlinkMembership, Int32(group + 1))
    }
  }
}
