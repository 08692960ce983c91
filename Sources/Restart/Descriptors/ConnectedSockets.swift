internal import CImage
internal import Kernel
internal import KernelABI

/// Connections: those within the program come back whole, others as closed by the peer.
enum ConnectedSockets {
  static func openPair(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let peer = Int(record.peer)
    guard peer < context.image.files.count, peer != index, context.opened[peer] < 0 else {
      throw context.damaged(index)
    }
    let other = try context.record(peer, ckpt_file_socket.self)
    guard Int(other.peer) == index, other.family == record.family || !isUnix(record) else {
      throw context.damaged(index)
    }
    let pair = try context.doing("cannot connect again descriptor", index) { () throws(Errno) in
      isUnix(record)
        ? try Sockets.makePair(record.type)
        : try LoopbackConnection.make(
          from: other, to: SocketAddress(record.local), type: record.type)
    }
    try context.keep(pair.first, as: index)
    try context.keep(pair.second, as: peer)
    try fill(index, record, through: context.opened[peer], context)
    try fill(peer, other, through: context.opened[index], context)
    try SocketRestore.shutDown(index, record, context)
    try SocketRestore.shutDown(peer, other, context)
  }

  static func openLost(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let pair = try context.doing("cannot replace the connection of descriptor", index) {
      () throws(Errno) in
      guard !isUnix(record) else { return try Sockets.makePair(record.type) }
      do throws(Errno) {
        return try LoopbackConnection.make(family: record.family)
      } catch {
        return try Sockets.makePair(Sockets.Kind.stream)
      }
    }
    let peer = FileDescriptor(adopting: pair.second)
    try context.keep(pair.first, as: index)
    try fill(index, record, through: peer.number, context)
    try SocketRestore.shutDown(index, record, context)
  }

  /// Sends a datagram socket what it had received, from a socket without a name.
  static func fillByName(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    guard context.image.files[index].object != CKPT_NONE else { return }
    let number = context.opened[index]
    let sender = try context.doing("cannot fill the queue of descriptor", index) {
      () throws(Errno) in
      let sender = try Sockets.make(record.family, record.type, 0)
      do throws(Errno) {
        try Sockets.connect(sender, to: try Sockets.localAddress(number))
      } catch {
        closeDescriptor(sender)
        throw error
      }
      return sender
    }
    defer { closeDescriptor(sender) }
    try fill(index, record, through: sender, context)
  }

  private static func isUnix(_ record: ckpt_file_socket) -> Bool {
    record.family == Sockets.Family.unix
  }

  /// Sends a socket from its peer what it had received.
  private static func fill(
    _ index: Int, _ record: ckpt_file_socket, through peer: Int32, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let object = context.image.files[index].object
    guard object != CKPT_NONE else { return }
    guard Int(object) < context.image.objects.count else { throw context.damaged(index) }
    try context.doing("cannot fill the queue of descriptor", index) { () throws(Errno) in
      let contents = try context.queues.bytes(of: object, in: context.image)
      let isFramed = record.flags & CKPT_SOCKET_MESSAGES != 0
      let size = try Sockets.option(peer, .sendBuffer)
      let needed = min(contents.byteCount * 4 + 65536, 1 << 30)
      let isLarger = UInt64(max(size, 0)) < needed
      if isLarger { enlarge(peer, Int32(needed)) }
      try contents.forEach(framed: isFramed) { (address, byteCount) throws(Errno) in
        try send(address, byteCount, isFramed, on: peer)
      }
      if isLarger { try Sockets.setOption(peer, .sendBuffer, size / 2) }
    }
  }

  /// SO_SNDBUFFORCE goes beyond the system's limit and needs CAP_NET_ADMIN.
  private static func enlarge(_ number: Int32, _ byteCount: Int32) {
    if (try? Sockets.setOption(number, .forcedSendBuffer, byteCount)) == nil {
      try? Sockets.setOption(number, .sendBuffer, byteCount)
    }
  }

  private static func send(
    _ address: Address, _ byteCount: UInt64, _ isMessage: Bool, on number: Int32
  ) throws(Errno) {
    var done: UInt64 = 0
    repeat {
      done += try Sockets.send(number, from: address + done, byteCount: byteCount - done)
    } while !isMessage && done < byteCount
  }
}
