internal import Kernel
internal import KernelABI

/// `--staged=N`: the program is brought back, and waits with its first instruction for its sender's
/// word.
///
/// So that exactly one of two runs: whoever sends it holds the original still, hears here on
/// descriptor N that all is in place, answers on the stream, and hears how it went. Who gets no
/// answer has not run.
struct StagedStart: BitwiseCopyable {
  /// Where words go; -1: it is no such restart.
  private let words: Int32

  /// The parent's end of a pair whose other end the child holds until it runs.
  private let channel: Int32

  init(words: Int32, channel: Int32) {
    self.words = words
    self.channel = channel
  }

  private static let go: StaticString = "go\n"
  private static let goByteCount: UInt64 = 3

  // MARK: In the parent

  /// Waits until the child has everything in place, tells the sender, and hands its word on.
  ///
  /// When there is none, or the child has ended, the child hears nothing and ends.
  func pass(_ stream: StreamInput?) {
    guard words >= 0 else { return }
    defer { closeDescriptor(channel) }
    var byte: UInt64 = 0
    guard (try? Files.read(channel, into: &byte)) == 8 else { return }
    say("ckpt-migrate ready\n")
    guard Self.hears(stream) else { return }
    _ = try? Files.write(channel, byte)
  }

  /// Whether the sender says that it may run, and nothing else.
  private static func hears(_ stream: StreamInput?) -> Bool {
    guard var input = stream else { return false }
    defer { closeDescriptor(input.descriptor) }
    var word: UInt64 = 0
    let isGo = try? withAddress(of: &word) { (address) throws(Errno) in
      guard (try? input.readUpTo(goByteCount, to: address)) == goByteCount else { return false }
      return ByteString(address: address, byteCount: Int(goByteCount)) == go
    }
    return isGo == true
  }

  /// The last word: the program runs.
  func sayRuns(_ pid: Int32) {
    guard words >= 0 else { return }
    var line = Line("ckpt-migrate runs ")
    line.append(decimal: UInt64(pid))
    line.append("\n")
    line.write(to: words)
  }

  /// The last word: nothing of it runs, or ever has.
  func sayFailed() { say("ckpt-migrate failed\n") }

  private func say(_ text: StaticString) {
    guard words >= 0 else { return }
    var line = Line(text)
    line.write(to: words)
  }

  // MARK: In the child

  /// Says that all is in place, and waits until it may run.
  ///
  /// - Throws: when it may not.
  static func awaitWord(on channel: Int32) throws(RestartFailure) {
    guard channel >= 0 else { return }
    defer { closeDescriptor(channel) }
    var word: UInt64 = 0
    guard (try? Files.write(channel, word)) != nil, (try? Files.read(channel, into: &word)) == 8
    else {
      throw RestartFailure(
        .failed, "cannot restart: the sender did not say that it may run",
        hint: "it runs on over there, unless its sender says otherwise")
    }
  }
}
