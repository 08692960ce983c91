internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// Streams of an image over the loopback interface, against each of their steps alone.
///
/// All are times for as many bytes as the image has; what is fed to a step alone does not compress, as
/// the victim's memory does not.
struct Streaming {
  let base: Measurement
  private let block: LargeBuffer
  private let key: String
  private var book: Book { base.book }

  /// Larger images take longer, and say nothing new.
  private static let largest: UInt64 = 1 << 30

  init(_ base: Measurement) throws(BenchFailure) {
    self.base = base
    key = base.scratch.path("key")
    do throws(Errno) { block = try LargeBuffer(isRandom: true) } catch {
      throw BenchFailure("no memory for the plain loops (errno \(error.rawValue))")
    }
  }

  func run() throws(BenchFailure) {
    do throws(StreamFailure) { try SealKey.make(key) } catch {
      throw BenchFailure("cannot make a key")
    }
    defer { base.scratch.remove("key") }
    for size in base.options.sizes
    where size <= Self.largest && base.fits(size, files: 1, .stream) {
      base.tell("streams of \(byteCountText(size))")
      try base.withVictim(size: size) { victim throws(BenchFailure) in
        for _ in 0..<base.options.rounds(size) { try measure(victim) }
      }
    }
  }

  private func measure(_ victim: VictimProcess) throws(BenchFailure) {
    let size = victim.size
    let socket = try socketAlone(size)
    let packing = try filterAlone(size, .lz4, nil)
    let cipher = try filterAlone(size, .none, .read(of: key))
    let plain = try stream(victim, [])
    let packed = try stream(victim, ["--compress", "lz4"])
    book.add(socket, "loopback TCP alone", .stream, size: size)
    book.add(packing, "lz4 alone", .stream, size: size)
    book.add(cipher, "AES-256-GCM alone", .stream, size: size)
    book.add(plain, "encrypted stream", .stream, size: size)
    book.add(packed, "lz4, encrypted stream", .stream, size: size)
    ratio(cipher, plain, "speed of the encrypted stream / of the cipher alone", size)
    ratio(
      max(socket, packing, cipher), packed, "speed of the lz4 stream / of its slowest step alone",
      size)
  }

  private func ratio(_ alone: UInt64, _ whole: UInt64, _ name: String, _ size: UInt64) {
    book.add(Double(alone) / Double(whole), name, .stream, size: size, .ratio)
  }

  private func socketAlone(_ size: UInt64) throws(BenchFailure) -> UInt64 {
    let receiver = try Receiver()
    let start = Clock.monotonic
    try send(
      size, from: block.range.start.rawValue, blockByteCount: LargeBuffer.byteCount,
      to: receiver.port)
    receiver.join()
    return Clock.monotonic - start
  }

  private func filterAlone(
    _ size: UInt64, _ packing: StreamPacking, _ key: SealKey?
  ) throws(BenchFailure) -> UInt64 {
    do throws(StreamFailure) {
      return try filterTime(block.range, byteCount: size, packing, key)
    } catch {
      throw BenchFailure("cannot compress or encrypt")
    }
  }

  /// The whole command, from its start until all has arrived.
  private func stream(_ victim: VictimProcess, _ options: [String]) throws(BenchFailure) -> UInt64 {
    let receiver = try Receiver()
    let place = "tcp://127.0.0.1:\(receiver.port)"
    let start = Clock.monotonic
    let status = try spawn(
      [base.programs.command, "save", "--to", place, "--key", key] + options
        + [String(victim.pid)], output: base.scratch.path("output")
    ).wait()
    guard status == 0 else { throw BenchFailure("ckpt save --to: \(base.scratch.text("output"))") }
    receiver.join()
    return Clock.monotonic - start
  }
}

extension SealKey {
  fileprivate static func read(of path: String) throws(BenchFailure) -> SealKey {
    do throws(StreamFailure) { return try .read(path) } catch {
      throw BenchFailure("cannot read the key")
    }
  }
}
