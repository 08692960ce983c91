internal import Kernel
internal import KernelABI

/// Takes a migrating program in, on the machine where it is to run.
///
/// - Returns: the exit status of `restart`, when that has failed and said why.
public func takeIn(_ order: RelayOrder) throws(StreamFailure) -> Int32 {
  for number in [RelayOrder.input, RelayOrder.output] {
    do throws(Errno) { try Descriptors.setFlags(number, 1) } catch {
      throw .read("the connection", error)
    }
  }
  let source = try imageSource(order)
  let child: RestartChild
  do throws(Errno) { child = try RestartChild(order) } catch { throw .write("the restart", error) }
  let end = RestartRelay(child, isAttached: order.isAttached)
  try end.handOn(source)
  return try end.serve()
}

private func imageSource(_ order: RelayOrder) throws(StreamFailure) -> any ByteSource {
  let patience = Int(min(order.idle, 86_400)) * 1000
  let link = LinkSource(RelayOrder.input, patience: patience)
  guard let endpoint = order.endpoint else {
    return try decoded(link, key: nil, needsKey: false)
  }
  let secrets = LinkSecrets(try link.frame(.secrets, LinkSecrets.byteCount))
  guard let host = arrivalAddress() ?? endpoint.host else { throw .unknownHost("this side of ssh") }
  let listener = try LinkListener(host: host, port: endpoint.port)
  writeText("\(RemoteReply.mark)at \(host) \(listener.port)\n", to: RelayOrder.output)
  let connection = try listener.accept(secrets, besides: RelayOrder.input, milliseconds: patience)
  return try decoded(
    DescriptorSource(connection, "the connection", patience: patience), key: .secret(secrets.key),
    needsKey: true)
}

/// At which address of this machine ssh has come in.
///
/// Source: ssh(1), SSH_CONNECTION: the client's address and port, the server's address and port.
private func arrivalAddress() -> String? {
  guard
    let words = (try? Environment.inherited())?.value(of: "SSH_CONNECTION")?.split(separator: " "),
    words.count == 4
  else { return nil }
  return String(words[2])
}

/// Between the connection and `restart`, later the program.
final class RestartRelay {
  private let child: RestartChild
  private let isAttached: Bool
  private var fromLink: [UInt8] = []
  private var fromChild: [UInt8] = []

  /// What the program has not read yet.
  private var input = PendingBytes()
  private var isInputOver = false
  private var isRunning = false

  init(_ child: RestartChild, isAttached: Bool) {
    self.child = child
    self.isAttached = isAttached
  }

  /// Hands the image on, all but the word behind it.
  ///
  /// A `restart` that takes no more of it has ended, and its words tell why.
  func handOn(_ source: any ByteSource) throws(StreamFailure) {
    let sink = DescriptorSink(child.image, "the restart", patience: -1)
    do throws(StreamFailure) { try pump(source, to: sink) } catch {
      guard case .write = error else { throw error }
    }
  }

  /// Serves both sides until there is nothing left to be done.
  func serve() throws(StreamFailure) -> Int32 {
    while true {
      let ready = try wait()
      if ready.words, let status = relayWords() { return status }
      if ready.output { relayOutput() }
      if ready.link, !(try takeFrames()) { return 1 }
      if ready.input { passInput() }
      // Its last words are in the pipe before it ends.
      if ready.end { return conclude() }
    }
  }

  private func wait() throws(StreamFailure) -> (
    words: Bool, output: Bool, link: Bool, input: Bool, end: Bool
  ) {
    let (read, write) = (Descriptors.Poll.input, Descriptors.Poll.output)
    do throws(Errno) {
      let ready = try waitReady(
        [
          (isRunning ? -1 : child.words, read),
          (isRunning ? child.output : -1, read),
          (input.isFull ? -1 : RelayOrder.input, read),
          (input.isEmpty ? -1 : child.input, write),
          (child.process, read),
        ], until: .max)
      return (ready[0], ready[1], ready[2], ready[3], ready[4])
    } catch {
      throw .read("the connection", error)
    }
  }

  // MARK: From `restart`

  /// - Returns: an exit status when these were the last ones.
  private func relayWords() -> Int32? {
    guard let bytes = readBytes(child.words), !bytes.isEmpty else { return child.status() }
    fromChild += bytes
    while let end = fromChild.firstIndex(of: 0x0A) {
      let line = String(decoding: fromChild[..<end], as: UTF8.self)
      fromChild.removeSubrange(...end)
      writeText(line + "\n", to: RelayOrder.output)
      switch RemoteReply(line: line) {
      case .failed: return child.status()
      case .runs:
        guard isAttached else { return 0 }
        isRunning = true
      default: break
      }
    }
    return nil
  }

  /// - Returns: whether more may come.
  @discardableResult
  private func relayOutput() -> Bool {
    guard child.output >= 0, let bytes = readBytes(child.output) else { return false }
    guard !bytes.isEmpty else {
      child.closeOutput()
      return false
    }
    say(.output, bytes)
    return true
  }

  private func say(_ frame: LinkFrame, _ bytes: [UInt8]) {
    let sink = DescriptorSink(RelayOrder.output, "the connection", patience: -1)
    _ = try? sink.write(frame.framed(bytes))
  }

  private func conclude() -> Int32 {
    if !isRunning, let status = relayWords(), !isRunning { return status }
    guard isRunning else { return child.status() }
    while relayOutput() {}
    say(.exit, [UInt8(truncatingIfNeeded: child.status())])
    return 0
  }

  // MARK: From the other side

  /// - Returns: whether the other side is still there.
  private func takeFrames() throws(StreamFailure) -> Bool {
    guard let bytes = readBytes(RelayOrder.input), !bytes.isEmpty else {
      // As when a terminal goes. What does not run yet finds its input at its end.
      if isRunning { child.signal(1) }
      return false
    }
    fromLink += bytes
    while let frame = try LinkFrame.next(of: &fromLink) {
      switch frame.kind {
      case .go: start()
      case .input: input.append(frame.bytes)
      case .inputEnd: isInputOver = true
      case .signal: pass(frame.bytes)
      default: throw .damaged(.link)
      }
    }
    passInput()
    return true
  }

  private func start() {
    guard child.image >= 0 else { return }
    let sink = DescriptorSink(child.image, "the restart", patience: -1)
    _ = try? sink.write(Array("go\n".utf8))
    child.closeImage()
  }

  /// SIGHUP, SIGINT, SIGQUIT and SIGTERM, for a program that runs.
  private func pass(_ bytes: [UInt8]) {
    guard isRunning, let number = bytes.first, [1, 2, 3, 15].contains(number) else { return }
    child.signal(Int32(number))
  }

  private func passInput() {
    guard child.input >= 0 else { return input.removeAll() }
    let isGone = !input.send(to: child.input)
    if isGone || (isInputOver && input.isEmpty) {
      input.removeAll()
      child.closeInput()
    }
  }
}

/// What a descriptor has now; `nil`: nothing, or it has failed; empty: its end.
func readBytes(_ number: Int32) -> [UInt8]? {
  var buffer = [UInt8](repeating: 0, count: 65_536)
  let count = try? withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
    try Files.read(number, to: address, byteCount: 65_536)
  }
  return count.map { Array(buffer[..<Int($0)]) }
}
