internal import Kernel
internal import KernelABI

extension RemoteHost {
  /// Waits until all is over there, and lays the way for the image.
  ///
  /// - Parameter helper: the program `ckpt`, for where none is installed that understands this one.
  mutating func prepare(
    _ helper: [UInt8]?, _ order: MigrationOrder
  ) throws(MigrationFailure) {
    let isWanted = helper != nil
    var word = try nextWord(order)
    if isWanted, word == .need {
      try send(helper ?? [], in: .preparing)
      word = try nextWord(order)
    }
    guard word == .have else { throw .refused(.preparing) }
    guard isWanted else { return }
    let link = order.link
    guard let endpoint = link.tcp else {
      let sink = sink
      image = try asLink { () throws(StreamFailure) in
        try Self.filtered(link, key: nil, to: LinkSink(to: sink))
      }
      return
    }
    let secrets = try asLink { () throws(StreamFailure) in try Self.secrets() }
    let connection = try connect(to: endpoint, secrets, order)
    image = try asLink { () throws(StreamFailure) in
      try Self.filtered(link, key: .secret(secrets.key), to: connection)
    }
  }

  private mutating func nextWord(_ order: MigrationOrder) throws(MigrationFailure) -> RemoteReply {
    try word(
      in: .preparing, until: monotonicTime() &+ order.patience,
      seconds: order.patience / 1_000_000_000)
  }

  private func asLink<R>(
    _ body: () throws(StreamFailure) -> R
  ) throws(MigrationFailure) -> R {
    do throws(StreamFailure) { return try body() } catch { throw .link(error) }
  }

  private static func secrets() throws(StreamFailure) -> LinkSecrets {
    do throws(Errno) { return try .random() } catch { throw .memory(error) }
  }

  /// Tells the secrets, hears where to connect to, and says hello there.
  private mutating func connect(
    to endpoint: LinkOrder.Endpoint, _ secrets: LinkSecrets, _ order: MigrationOrder
  ) throws(MigrationFailure) -> any ByteSink {
    try send(LinkFrame.secrets.framed(secrets.bytes), in: .preparing)
    guard case .at(let host, let port) = try nextWord(order) else { throw .refused(.preparing) }
    let place = StreamPlace.tcp(host: endpoint.address ?? host, port: port)
    var patience = StreamPatience()
    patience.connect = Int(min(order.patience / 1_000_000, 30_000))
    let interrupting = interruption
    let socket: FileDescriptor
    do throws(StreamFailure) {
      socket = try StreamSockets.connect(to: place, patience, interruptedBy: interrupting)
    } catch {
      if case .connect(_, .interrupted) = error {
        throw failure(.write(place.text, .interrupted), in: .preparing)
      }
      throw .link(error)
    }
    let sink = TCPSink(socket, interruptions: interrupting, patience: order.patience)
    do throws(StreamFailure) { try sink.write(secrets.token) } catch {
      throw failure(error, in: .preparing)
    }
    return sink
  }

  /// Compressed first, then encrypted; sending has a thread of its own.
  private static func filtered(
    _ order: LinkOrder, key: SealKey?, to end: any ByteSink
  ) throws(StreamFailure) -> any ByteSink {
    guard key != nil || order.packing != .none else { return end }
    var sink: any ByteSink = try Relay(to: end)
    if let key { sink = try SealingSink(key, .aes256GCM, to: sink) }
    return try PackingSink(order.packing, to: sink) ?? sink
  }

  /// Says that this was all of the image.
  borrowing func finishImage() throws(MigrationFailure) {
    do throws(StreamFailure) { try image.finish() } catch { throw failure(error, in: .sending) }
  }
}

/// A connection for the image alone.
private final class TCPSink: ByteSink {
  private let socket: FileDescriptor
  private let sink: RemoteSink

  init(_ socket: consuming FileDescriptor, interruptions: Int32, patience: UInt64) {
    sink = RemoteSink(socket.number, interruptions: interruptions, patience: patience)
    self.socket = socket
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    try sink.write(address, count)
  }

  /// That it has come, the other side says through ssh.
  func finish() throws(StreamFailure) {
    do throws(Errno) { try Sockets.shutDown(socket.number, how: 1) } catch {
      throw .write("the connection", error)
    }
  }
}
