internal import Kernel
internal import KernelABI

/// How a stream is made and sent.
public struct StreamOrder: Equatable, Sendable {
  public var place: StreamPlace
  public var packing = StreamPacking.none
  public var key: SealKey?
  public var cipher = StreamCipher.aes256GCM
  public var patience = StreamPatience()

  /// What is made of the image in a file, compressed; `nil`: it stays an image.
  public var executable: ExecutableOrder?

  /// How often each datagram is sent.
  public var repeats = 1

  public init(place: StreamPlace) { self.place = place }

  /// Whether the bytes that arrive are the image as it is, in a file.
  public var isPlainFile: Bool {
    guard case .file = place else { return false }
    return packing == .none && key == nil && executable == nil
  }
}

/// Where a stream goes to: opened, connected, ready.
final class OpenedSink {
  /// What the image is to be written to.
  let sink: any ByteSink
  private var file: OutputFile?
  private let isProgram: Bool
  private let socket: FileDescriptor?

  /// - Throws: before anything was sent but the head of an encrypted or compressed stream.
  init(_ order: StreamOrder) throws(StreamFailure) {
    let name = order.place.text
    isProgram = order.executable != nil
    let end: any ByteSink
    var socket: FileDescriptor?
    switch order.place {
    case .standard:
      end = DescriptorSink(1, "standard output", patience: order.patience.idle)
    case .file(let path):
      let opened = try Self.open(path)
      if let executable = order.executable {
        end = try ExecutableSink(opened.number, path, executable)
      } else {
        end = DescriptorSink(opened.number, path, patience: order.patience.idle)
      }
      file = consume opened
    case .unix, .tcp:
      let connected = try StreamSockets.connect(to: order.place, order.patience)
      end = DescriptorSink(
        connected.number, name, patience: order.patience.idle, isSocket: true)
      socket = consume connected
    case .udp:
      end = try DatagramSink(order)
    }
    self.socket = socket
    sink = try Self.filtered(order, to: end)
  }

  private static func open(_ path: String) throws(StreamFailure) -> OutputFile {
    do throws(Errno) { return try OutputFile(path: path) } catch { throw .write(path, error) }
  }

  /// Compressed first, then encrypted; sending has a thread of its own, and so has compressing.
  private static func filtered(
    _ order: StreamOrder, to end: any ByteSink
  ) throws(StreamFailure) -> any ByteSink {
    var sink: any ByteSink = end
    let isFiltered = order.key != nil || order.packing != .none
    if isFiltered { sink = try Relay(to: sink) }
    if let key = order.key { sink = try SealingSink(key, order.cipher, to: sink) }
    if let packing = try PackingSink(order.packing, to: sink) { sink = packing }
    return try Relay(to: sink)
  }

  /// Makes a file durable and gives it its name, when all is in it.
  func commit() throws(StreamFailure) {
    guard let file = file.take() else { return }
    let path = file.path
    do throws(Errno) {
      try file.descriptor.synchronize()
    } catch {
      // Pipes and devices know no such thing.
      guard error == .invalid else { throw .write(path, error) }
    }
    do throws(Errno) {
      if isProgram { try file.allowExecution() }
      try file.commit()
    } catch {
      throw .write(path, error)
    }
  }
}

/// Where a stream comes from: opened, or waited for.
///
/// - Parameters:
///   - key: what it is encrypted with; a network stream has to be.
///   - isReady: hears when senders may come.
func openedSource(
  _ place: StreamPlace, key: SealKey?, _ patience: StreamPatience, isReady: () -> Void
) throws(StreamFailure) -> any ByteSource {
  let file: FileDescriptor
  let name = place.text
  switch place {
  case .standard: file = FileDescriptor(adopting: 0)
  case .file(let path):
    do throws(Errno) { file = try HostFiles.open(path, .readOnly) } catch {
      throw .read(path, error)
    }
  case .unix, .tcp: file = try StreamSockets.accept(at: place, isReady: isReady)
  case .udp:
    return try decoded(
      try DatagramSource(place, patience, isReady: isReady), key: key, needsKey: true)
  }
  let source = DescriptorSource(file, name, patience: patience.idle)
  return try decoded(source, key: key, needsKey: place.isNetwork)
}
