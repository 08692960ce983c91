internal import Kernel
internal import KernelABI

/// This command, while the program that it has moved is attached to it.
///
/// What is typed here goes there, what is written there comes here, and signals to this command are
/// passed on.
final class AttachedSession {
  /// The connection; they stay the caller's.
  private let input: Int32
  private let output: Int32
  private let interruptions: Int32

  /// What the connection has not taken yet, and what of it is no whole frame yet.
  private var outgoing = PendingBytes()
  private var incoming: [UInt8]
  private var isInputOver = false

  /// Where the program's output goes.
  private let screen = DescriptorSink(1, "standard output", patience: -1)

  /// - Parameter incoming: what has come behind the word that it runs.
  init(input: Int32, output: Int32, interruptions: Int32, incoming: [UInt8]) {
    self.input = input
    self.output = output
    self.interruptions = interruptions
    self.incoming = incoming
  }

  /// - Parameter nextSignal: takes the signal that has come.
  /// - Returns: the program's exit status; `nil`: the connection has ended before it.
  func run(nextSignal: () -> Int32?) -> Int32? {
    while true {
      if let end = takeFrames() { return end }
      guard let ready = try? wait() else { return nil }
      if ready.signal, let number = nextSignal() {
        outgoing.append(LinkFrame.signal.framed([UInt8(truncatingIfNeeded: number)]))
      }
      if ready.typed { takeInput() }
      if !outgoing.isEmpty, !outgoing.send(to: input) { return lastWord() }
      if ready.written {
        guard let bytes = readBytes(output), !bytes.isEmpty else { return nil }
        incoming += bytes
      }
    }
  }

  private func wait() throws(Errno) -> (signal: Bool, typed: Bool, written: Bool) {
    let (read, write) = (Descriptors.Poll.input, Descriptors.Poll.output)
    let ready = try waitReady(
      [
        (interruptions, read), (isInputOver || outgoing.isFull ? -1 : 0, read), (output, read),
        (outgoing.isEmpty ? -1 : input, write),
      ], until: .max)
    return (ready[0], ready[1], ready[2])
  }

  private func takeInput() {
    if let bytes = readBytes(0), !bytes.isEmpty {
      outgoing.append(LinkFrame.input.framed(bytes))
    } else {
      isInputOver = true
      outgoing.append(LinkFrame.inputEnd.framed())
    }
  }

  /// - Returns: the exit status when that has come.
  private func takeFrames() -> Int32?? {
    do throws(StreamFailure) {
      while let frame = try LinkFrame.next(of: &incoming) {
        switch frame.kind {
        case .output: try screen.write(frame.bytes)
        case .exit: return .some(frame.bytes.first.map(Int32.init))
        default: throw .damaged(.link)
        }
      }
      return nil
    } catch {
      // Nobody reads it any more, or it is not the other side that speaks.
      return .some(nil)
    }
  }

  /// The exit status, when it is there though nobody over there listens any more.
  private func lastWord() -> Int32? {
    while let bytes = readBytes(output), !bytes.isEmpty {
      incoming += bytes
      if let end = takeFrames() { return end }
    }
    return nil
  }
}
