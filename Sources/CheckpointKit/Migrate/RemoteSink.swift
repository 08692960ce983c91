internal import Kernel
internal import KernelABI

/// What goes to the other machine; a signal to this command ends the waiting for a slow one.
final class RemoteSink: ByteSink {
  private let number: Int32

  /// A descriptor that is readable when a signal has come.
  private let interruptions: Int32

  /// Nanoseconds without a byte that was taken.
  private let patience: UInt64

  /// Milliseconds between two looks at the signals.
  private static let look = 100

  /// - Parameters: descriptors that stay the caller's.
  init(_ number: Int32, interruptions: Int32, patience: UInt64) {
    self.number = number
    self.interruptions = interruptions
    self.patience = patience
    // Ignores SIGPIPE and makes it non-blocking, as for every stream.
    _ = DescriptorSink(number, "the connection", patience: 0)
  }

  /// - Throws: `write` with EINTR when a signal has come.
  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done: UInt64 = 0
    var deadline = monotonicTime() &+ patience
    while done < UInt64(count) {
      do throws(Errno) {
        done += try Files.write(
          number, from: address + done, byteCount: UInt64(count) - done)
        deadline = monotonicTime() &+ patience
      } catch {
        guard error == .tryAgain else { throw .write("the connection", error) }
        try awaitRoom(until: deadline)
      }
    }
  }

  private func awaitRoom(until deadline: UInt64) throws(StreamFailure) {
    guard monotonicTime() < deadline else {
      throw .stalled("the connection", milliseconds: Int(patience / 1_000_000))
    }
    do throws(Errno) {
      if try waitReadable([interruptions], until: 0)[0] { throw Errno.interrupted }
      try Descriptors.awaitWritable(number, milliseconds: Self.look)
    } catch {
      guard error == .timedOut else { throw .write("the connection", error) }
    }
  }

  func finish() throws(StreamFailure) {}
}
