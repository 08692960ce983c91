internal import CImage
internal import Kernel
internal import KernelABI

/// Gives sockets their addresses again.
enum SocketName {
  static func bind(
    _ index: Int, _ record: ckpt_file_socket, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let number = context.opened[index]
    let address = SocketAddress(record.local)
    let deadline = Clock.monotonic + patience
    while true {
      do throws(Errno) {
        return try bind(number, record, address, context)
      } catch {
        // Not of a Unix socket: whether somebody listens there is tried by a connection, which the
        // listener would see each time.
        if error == .addressInUse, record.family != Sockets.Family.unix, Clock.monotonic < deadline
        {
          // Nothing to be read from, so for 20 ms.
          var nothing = PollEntry(descriptor: -1)
          nothing.wait(milliseconds: 20)
          continue
        }
        try context.doing(
          "cannot bind again the address of descriptor", index, hint: hint(for: error)
        ) { () throws(Errno) in throw error }
      }
    }
  }

  /// How long an address may still belong to a process that is just ending, in nanoseconds: the
  /// program's own last life, mostly.
  private static let patience: UInt64 = 3_000_000_000

  static func hint(for error: Errno) -> StaticString {
    switch error {
    case .addressInUse: "end the program that has the address now"
    case .noSuchFile: "make the folder of the socket again"
    case .accessDenied, .notPermitted: "restart it as the user that it belonged to"
    case .addressNotAvailable: "this machine does not have the address (see `ip address`)"
    default: ""
    }
  }

  private static func bind(
    _ number: Int32, _ record: ckpt_file_socket, _ address: SocketAddress,
    _ context: FileRestoreContext
  ) throws(Errno) {
    switch record.family {
    case Sockets.Family.unix: try bindUnix(number, record, address, context)
    case Sockets.Family.netlink: try bindNetlink(number, address)
    default: try bindInet(number, record, address)
    }
  }

  /// A port that connections still use, which are the program's or over, can be had with
  /// SO_REUSEADDR; `SocketRestore.finish` sets it back, since listen(2) looks at it too.
  private static func bindInet(
    _ number: Int32, _ record: ckpt_file_socket, _ address: SocketAddress
  ) throws(Errno) {
    if record.type == Sockets.Kind.stream { try Sockets.setOption(number, .reuseAddress, 1) }
    try Sockets.bind(number, to: address)
  }

  /// The port is mostly the PID, and then the kernel's to give when it is taken.
  private static func bindNetlink(_ number: Int32, _ address: SocketAddress) throws(Errno) {
    do throws(Errno) {
      try Sockets.bind(number, to: address)
    } catch {
      var other = address
      for index in 4..<8 { other.setByte(0, at: index) }
      try Sockets.bind(number, to: other)
    }
  }

  private static func bindUnix(
    _ number: Int32, _ record: ckpt_file_socket, _ address: SocketAddress,
    _ context: FileRestoreContext
  ) throws(Errno) {
    let isPath = address.byte(at: 2) != 0
    do throws(Errno) {
      try Sockets.bind(number, to: address)
    } catch {
      guard error == .addressInUse, isPath else { throw error }
      if record.flags & CKPT_SOCKET_PATH_GONE != 0 { return try bindAnywhere(number) }
      try clear(address, record.type, context)
      try Sockets.bind(number, to: address)
    }
    guard isPath else { return }
    let path = try context.path(of: address)
    if record.flags & CKPT_SOCKET_PATH_GONE != 0 {
      try? Files.unlink(path: path)
    } else {
      try Files.setMode(path: path, record.path_mode)
    }
  }

  /// Removes the file of a socket that nobody listens on any more.
  private static func clear(
    _ address: SocketAddress, _ type: Int32, _ context: FileRestoreContext
  ) throws(Errno) {
    let path = try context.path(of: address)
    guard try FileStatus(linkPath: path).kind == .socket else { throw .addressInUse }
    let probe = FileDescriptor(adopting: try Sockets.make(Sockets.Family.unix, type, 0))
    do throws(Errno) {
      try Sockets.connect(probe.number, to: address)
    } catch {
      guard error == .connectionRefused else { throw .addressInUse }
      return try Files.unlink(path: path)
    }
    throw .addressInUse
  }

  /// Its path was another's already: nobody could reach it there, so any name does.
  private static func bindAnywhere(_ number: Int32) throws(Errno) {
    var address = SocketAddress(byteCount: 2)
    address.setByte(1, at: 0)
    try Sockets.bind(number, to: address)
  }
}

extension FileRestoreContext {
  /// The path in the address of a Unix socket; good until the next path is asked for.
  func path(of address: SocketAddress) throws(Errno) -> Address {
    var length = 0
    while length < Int(address.byteCount) - 2, address.byte(at: length + 2) != 0 {
      Memory.store(address.byte(at: length + 2), at: pathBuffer + UInt64(length))
      length += 1
    }
    Memory.store(UInt8(0), at: pathBuffer + UInt64(length))
    return pathBuffer
  }
}
