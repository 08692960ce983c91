internal import Kernel
internal import KernelABI

/// What goes over the connection between `ckpt migrate` here and the `ckpt` that it has over there:
/// one byte that says what it is, four bytes of length, and as many bytes.
///
/// Towards there from the beginning; from there behind the line that says `runs`.
enum LinkFrame: UInt8, Sendable {
  /// A part of the image; its end, without bytes.
  case image = 1, imageEnd

  /// The process may run.
  case go

  /// What the program is to read; that nothing more follows of it.
  case input, inputEnd

  /// One byte: a signal for the program.
  case signal

  /// The secrets of a TCP connection: `LinkSecrets`.
  case secrets

  /// What the program has written; from there.
  case output

  /// One byte: its exit status, and the last frame; from there.
  case exit

  static let headerByteCount = 5

  /// Bytes of one at most.
  static let limit = Block.size

  /// A frame in front of which its header is.
  func framed(_ bytes: [UInt8] = []) -> [UInt8] { header(bytes.count) + bytes }

  func header(_ count: Int) -> [UInt8] {
    [rawValue] + CheckpointKit.bytes(of: UInt32(truncatingIfNeeded: count))
  }

  /// `nil` for what can't be one.
  static func parsed(_ header: [UInt8]) -> (kind: LinkFrame, count: Int)? {
    guard header.count == headerByteCount, let kind = LinkFrame(rawValue: header[0]) else {
      return nil
    }
    guard let count = value(UInt32.self, in: header, at: 1), count <= limit else { return nil }
    return (kind, Int(count))
  }

  /// Takes the first whole frame out of what was read.
  ///
  /// - Throws: `damaged` for what can't be one.
  static func next(
    of bytes: inout [UInt8]
  ) throws(StreamFailure) -> (kind: LinkFrame, bytes: [UInt8])? {
    guard bytes.count >= headerByteCount else { return nil }
    guard let (kind, count) = parsed(Array(bytes[..<headerByteCount])) else {
      throw .damaged(.link)
    }
    let end = headerByteCount + count
    guard bytes.count >= end else { return nil }
    defer { bytes.removeSubrange(..<end) }
    return (kind, Array(bytes[headerByteCount..<end]))
  }
}

/// Sends an image in frames.
final class LinkSink: ByteSink {
  private let target: any ByteSink

  init(to target: any ByteSink) { self.target = target }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      let part = min(count - done, LinkFrame.limit)
      try target.write(LinkFrame.image.header(part))
      try target.write(address + UInt64(done), part)
      done += part
    }
  }

  func finish() throws(StreamFailure) { try target.write(LinkFrame.imageEnd.framed()) }
}

extension ByteSink {
  func write(_ bytes: [UInt8]) throws(StreamFailure) {
    var failure: StreamFailure?
    _ = try? withAddress(ofBytes: bytes) { address throws(Errno) in
      do throws(StreamFailure) { try write(address, bytes.count) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

/// An image that comes in frames; never reads a byte behind the last one of them.
final class LinkSource: ByteSource {
  private let number: Int32

  /// Milliseconds without a byte; for the first one it waits for ever.
  private let patience: Int
  private var isFirst = true

  /// - Parameter number: stays the caller's.
  init(_ number: Int32, patience: Int) {
    self.number = number
    self.patience = patience
  }

  func read(into block: Block) throws(StreamFailure) {
    var count = 0
    repeat {
      let frame = try header()
      if frame.kind == .imageEnd, frame.count == 0 { return }
      guard frame.kind == .image, frame.count <= block.capacity else { throw .damaged(.link) }
      count = frame.count
    } while count == 0
    try read(to: block.address, count)
    block.count = count
  }

  /// The one frame that comes next, which has to be of this kind and length.
  func frame(_ kind: LinkFrame, _ count: Int) throws(StreamFailure) -> [UInt8] {
    guard try header() == (kind, count) else { throw .damaged(.link) }
    return try bytes(count)
  }

  private func header() throws(StreamFailure) -> (kind: LinkFrame, count: Int) {
    guard let frame = LinkFrame.parsed(try bytes(LinkFrame.headerByteCount)) else {
      throw .damaged(.link)
    }
    return frame
  }

  private func bytes(_ count: Int) throws(StreamFailure) -> [UInt8] {
    let room = try Block(4096)
    try read(to: room.address, count)
    return (0..<count).map { Memory.load(UInt8.self, at: room.address + UInt64($0)) }
  }

  private func read(to address: Address, _ count: Int) throws(StreamFailure) {
    var done: UInt64 = 0
    while done < UInt64(count) {
      let part: UInt64
      do throws(Errno) {
        try Descriptors.awaitReadable(number, milliseconds: isFirst ? -1 : patience)
        part = try Files.read(
          number, to: address + done, byteCount: UInt64(count) - done)
      } catch {
        throw error == .timedOut
          ? .stalled("the connection", milliseconds: patience) : .read("the connection", error)
      }
      guard part > 0 else { throw .endedEarly(.link) }
      isFirst = false
      done += part
    }
  }
}
