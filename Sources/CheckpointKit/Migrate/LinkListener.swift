internal import Kernel
internal import KernelABI

/// Waits over there for the one TCP connection that the image comes through.
final class LinkListener {
  private let socket: FileDescriptor
  private let name: String

  /// The port that it has.
  let port: UInt16

  /// Strangers whose hello is waited for at a time; one more, and the first has to go.
  private static let strangerLimit = 32

  /// - Parameter port: 0: any that is free.
  init(host: String, port: UInt16) throws(StreamFailure) {
    name = StreamPlace.tcp(host: host, port: port).text
    let address = try hostAddress(host, port, isDatagram: false)
    do throws(Errno) {
      socket = FileDescriptor(
        adopting: try Sockets.make(address.family, Sockets.Kind.stream | 0o4000, 0))
      // A port of a connection that has just ended may be had again.
      _ = try? Sockets.setOption(socket.number, .reuseAddress, 1)
      try Sockets.bind(socket.number, to: address)
      try Sockets.listen(socket.number, backlog: 16)
      self.port = try Sockets.localAddress(socket.number).port
    } catch {
      throw .listen(name, error)
    }
  }

  /// The first connection that begins with the token; all others are hung up on.
  ///
  /// - Parameters:
  ///   - link: the connection to whom it is waited for: nothing comes there meanwhile but its end.
  ///   - milliseconds: how long to wait.
  func accept(
    _ secrets: LinkSecrets, besides link: Int32, milliseconds: Int
  ) throws(StreamFailure) -> FileDescriptor {
    var waiting: [(number: Int32, hello: [UInt8])] = []
    defer { for one in waiting { closeDescriptor(one.number) } }
    let deadline = monotonicTime() &+ UInt64(milliseconds) * 1_000_000
    while true {
      let ready = try ready([socket.number, link] + waiting.map(\.number), until: deadline)
      guard ready.contains(true) else { throw .stalled(name, milliseconds: milliseconds) }
      if ready[1] { throw .endedEarly(.link) }
      for index in waiting.indices.reversed() where ready[index + 2] {
        guard let more = Self.hello(waiting[index]) else {
          closeDescriptor(waiting.remove(at: index).number)
          continue
        }
        waiting[index].hello = more
        guard more.count == LinkSecrets.tokenByteCount else { continue }
        let number = waiting.remove(at: index).number
        if secrets.admits(more) { return FileDescriptor(adopting: number) }
        closeDescriptor(number)
      }
      if ready[0], let number = try? Sockets.accept(socket.number) {
        if waiting.count == Self.strangerLimit { closeDescriptor(waiting.removeFirst().number) }
        waiting.append((number, []))
      }
    }
  }

  private func ready(
    _ descriptors: [Int32], until deadline: UInt64
  ) throws(StreamFailure) -> [Bool] {
    do throws(Errno) { return try waitReadable(descriptors, until: deadline) } catch {
      throw .listen(name, error)
    }
  }

  /// What has come of a hello so far; `nil`: it is none, and won't become one.
  private static func hello(_ one: (number: Int32, hello: [UInt8])) -> [UInt8]? {
    let wanted = LinkSecrets.tokenByteCount - one.hello.count
    var buffer = [UInt8](repeating: 0, count: LinkSecrets.tokenByteCount)
    let count = try? withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try Files.read(one.number, to: address, byteCount: UInt64(wanted))
    }
    guard let count, count > 0 else { return nil }
    return one.hello + buffer[..<Int(count)]
  }
}
