internal import Kernel
internal import KernelABI

/// How long to wait for the other end, in milliseconds; -1: for ever.
public struct StreamPatience: Equatable, Sendable {
  public var connect = 30_000
  public var idle = 60_000

  public init() {}
}

/// A descriptor to read from.
final class DescriptorSource: ByteSource {
  private let file: FileDescriptor
  private let name: String
  private let patience: Int

  /// Whether the first byte may take as long as it likes: somebody may yet have to type a password.
  private var isFirst = true

  init(_ file: consuming FileDescriptor, _ name: String, patience: Int) {
    self.file = file
    self.name = name
    self.patience = patience
    _ = try? Pipes.setCapacity(self.file.number, Block.size)
  }

  func read(into block: Block) throws(StreamFailure) {
    while true {
      do throws(Errno) {
        try Descriptors.awaitReadable(file.number, milliseconds: isFirst ? -1 : patience)
        block.count = Int(
          try file.read(to: block.address, byteCount: UInt64(block.capacity)))
        isFirst = false
        return
      } catch {
        if error == .tryAgain { continue }
        throw error == .timedOut
          ? .stalled(name, milliseconds: patience) : .read(name, error)
      }
    }
  }
}

/// A descriptor to write to.
final class DescriptorSink: ByteSink {
  private let number: Int32
  private let name: String
  private let patience: Int
  private let isSocket: Bool

  /// - Parameter number: stays the caller's, who has to close it.
  init(_ number: Int32, _ name: String, patience: Int, isSocket: Bool = false) {
    self.number = number
    self.name = name
    self.patience = patience
    self.isSocket = isSocket
    ignoreBrokenPipes()
    _ = try? Pipes.setCapacity(number, Block.size)
    if let kind = try? HostFiles.facts(ofDescriptor: number).kind, kind == .fifo || kind == .socket,
      let status = try? Descriptors.status(number)
    {
      _ = try? Descriptors.setStatus(number, status | .nonBlocking)
    }
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done: UInt64 = 0
    while done < UInt64(count) {
      do throws(Errno) {
        done += try Files.write(
          number, from: address + done, byteCount: UInt64(count) - done)
      } catch {
        guard error == .tryAgain else { throw .write(name, error) }
        try awaitReader()
      }
    }
  }

  private func awaitReader() throws(StreamFailure) {
    do throws(Errno) {
      try Descriptors.awaitWritable(number, milliseconds: patience)
    } catch {
      throw error == .timedOut ? .stalled(name, milliseconds: patience) : .write(name, error)
    }
  }

  /// Tells the other end of a connection that this was all, and waits until it has hung up: it has
  /// taken everything then, or says by a reset that it won't.
  func finish() throws(StreamFailure) {
    guard isSocket else { return }
    do throws(Errno) {
      try Sockets.shutDown(number, how: 1)
      try Descriptors.awaitReadable(number, milliseconds: patience)
      var byte: UInt8 = 0
      guard try Files.read(number, into: &byte) == 0 else { throw .brokenPipe }
    } catch {
      throw error == .timedOut ? .stalled(name, milliseconds: patience) : .write(name, error)
    }
  }
}

/// Writing to who is gone fails with EPIPE, and does not end this command.
///
/// Source: signal(7), SIGPIPE.
private func ignoreBrokenPipes() { try? Signal.ignore(Signal.pipe) }
