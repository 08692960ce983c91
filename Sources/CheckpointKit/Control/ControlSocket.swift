public import Kernel
public import KernelABI

/// The abstract address on which `ckpt` waits for the agent.
///
/// Abstract: no file to leave behind, and reachable from another mount or PID namespace. It is
/// known only to who got the signal, and both sides look at who the other is.
///
/// Source: unix(7).
public struct ControlListener: ~Copyable {
  let descriptor: FileDescriptor

  public init(_ token: ControlToken) throws(Errno) {
    let socket = FileDescriptor(
      adopting: try Sockets.make(Sockets.Family.unix, Sockets.Kind.packets, 0))
    var name = Line()
    for byte in token.socketName.utf8 { name.append(byte) }
    try Sockets.bind(socket.number, to: SocketAddress(abstract: name))
    try Sockets.listen(socket.number, backlog: 4)
    descriptor = socket
  }

  /// Takes the next connection; the caller has waited until there is one.
  public borrowing func accept() throws(Errno) -> ControlConnection {
    ControlConnection(
      descriptor: FileDescriptor(adopting: try Sockets.accept(descriptor.number)))
  }
}

/// A connection on which whole messages travel.
public struct ControlConnection: ~Copyable {
  let descriptor: FileDescriptor

  init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Whose `process` is 0 for one that this PID namespace doesn't see.
  public borrowing func peer() throws(Errno) -> PeerCredentials {
    try PeerCredentials(of: descriptor.number)
  }

  /// Sends one message, with up to two descriptors to pass.
  public borrowing func send(_ message: [UInt8], passing passed: [Int32] = []) throws(Errno) {
    let number = descriptor.number
    try withAddress(ofBytes: message) { address throws(Errno) in
      try DescriptorPassing.send(
        number, from: address, byteCount: UInt64(message.count), first: passed.first ?? -1,
        second: passed.dropFirst().first ?? -1, waits: true)
    }
  }

  /// The next message, empty when the other end is closed.
  public borrowing func receive() throws(Errno) -> [UInt8] {
    let number = descriptor.number
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try Files.read(number, to: address, byteCount: 8192)
    }
    return Array(buffer[0..<Int(count)])
  }
}
