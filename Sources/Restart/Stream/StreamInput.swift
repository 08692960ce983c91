internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// An image that comes through a pipe or a socket: once, and in the order of its bytes.
struct StreamInput: BitwiseCopyable {
  let descriptor: Int32

  /// Milliseconds without a byte until it has failed; for the first one it waits for ever.
  let patience: Int

  /// The child of `restart` that unpacks or receives the image and says itself what is wrong with
  /// it; 0: there is none.
  let feeder: Int32

  /// Whether a word is to follow behind the image.
  let goesOn: Bool

  /// Where in the image's file the next byte lies.
  private(set) var position: UInt64 = 0

  /// Of the head, as it came: what is in it may be changed before its digest comes.
  var headDigest: UInt64 = 0

  /// Whether anything has come.
  private var hasBegun = false

  init(_ descriptor: Int32, patience: Int, feeder: Int32 = 0, goesOn: Bool = false) {
    self.descriptor = descriptor
    self.patience = patience
    self.feeder = feeder
    self.goesOn = goesOn
    // A pipe of 64 KiB would wake both sides sixteen times as often.
    try? Pipes.setCapacity(descriptor, 1 << 20)
  }

  /// Reads all of `byteCount` bytes.
  mutating func read(to address: Address, byteCount: UInt64) throws(RestartFailure) {
    guard try readUpTo(byteCount, to: address) == byteCount else { throw endedEarly }
  }

  /// Reads `byteCount` bytes, or fewer where the stream ends.
  mutating func readUpTo(
    _ byteCount: UInt64, to address: Address
  ) throws(RestartFailure) -> UInt64 {
    var done: UInt64 = 0
    while done < byteCount {
      let count = try readOnce(to: address + done, byteCount: byteCount - done)
      guard count > 0 else { break }
      done += count
      position += count
      hasBegun = true
    }
    return done
  }

  /// Reads up to a place behind this one, and forgets what is between.
  ///
  /// - Parameter buffer: `DataPieces.byteCountLimit` bytes.
  mutating func skip(to end: UInt64, by buffer: Address) throws(RestartFailure) {
    guard end >= position else {
      throw RestartFailure(
        .damagedImage, "cannot restart the stream", why: "its data is not in the order of a stream",
        hint: "restart it from a file")
    }
    while position < end {
      try read(to: buffer, byteCount: min(end - position, DataPieces.byteCountLimit))
    }
  }

  /// Notes that the next byte is another one of the file.
  mutating func goOn(at position: UInt64) { self.position = position }

  /// Makes sure that nothing comes any more: the sender, too, has nothing left to say.
  mutating func checkEnd(by buffer: Address) throws(RestartFailure) {
    guard try readUpTo(1, to: buffer) == 0 else {
      throw RestartFailure(
        .damagedImage, "cannot restart the stream", why: "there is more behind the image's end",
        hint: "send one image, and nothing else")
    }
  }

  private func readOnce(to address: Address, byteCount: UInt64) throws(RestartFailure) -> UInt64 {
    while true {
      do throws(Errno) {
        try Descriptors.awaitReadable(
          descriptor, milliseconds: hasBegun && feeder == 0 ? patience : -1)
        return try Files.read(descriptor, to: address, byteCount: byteCount)
      } catch {
        if error == .tryAgain { continue }
        throw failure(error)
      }
    }
  }

  private func failure(_ error: Errno) -> RestartFailure {
    if error == .timedOut {
      return RestartFailure(
        .failed, "cannot restart: nothing more came of the stream; milliseconds waited:",
        hint: "--idle sets how long to wait, in seconds", number: UInt64(patience),
        numberStyle: .decimal)
    }
    return RestartFailure(.failed, "cannot read the stream", errno: error)
  }

  /// Whoever feeds the stream has said why.
  var endedEarly: RestartFailure {
    feeder > 0
      ? RestartFailure(.badlyFed, "the stream ended before the image did")
      : Self.endedEarly
  }

  static var endedEarly: RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart: the stream ended before the image did",
      hint: "its sender failed or was stopped; nothing of the program has run")
  }

  static func damage(_ error: ImageError) -> RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart the stream", why: error.reason,
      hint: "send the image again, or an earlier one")
  }
}
