internal import Kernel
internal import KernelABI

/// One numbered part of a stream that goes over a link of one direction.
///
/// A head of 24 bytes: "CKPTUDP1", the stream's random number, the part's number with the top bit
/// for the last one; then up to 1,376 bytes, so that no datagram is cut on its way.
enum Datagram {
  static let magic: UInt64 = 0x3150_4455_5450_4B43
  static let headByteCount = 24
  static let dataByteCount = 1376
  static let lastBit: UInt64 = 1 << 63

  /// Parts after which they are sent again: one that is missing is there soon.
  static let roundCount = 64
}

/// Sends a stream as datagrams, each of them several times.
final class DatagramSink: ByteSink {
  private let socket: FileDescriptor
  private let name: String
  private let patience: Int
  private let repeats: Int
  private let stream: UInt64
  private var number: UInt64 = 0

  /// The datagrams of a round, each in a slot of its own.
  private let round: Block
  private var lengths: [Int] = []
  private var filling = 0

  /// When the next round may go, in nanoseconds; and how long one byte takes: 64 MiB/s.
  private var due: UInt64 = 0
  private static let nanosecondsPerKibibyte: UInt64 = 15_000
  private static let slot = Datagram.headByteCount + Datagram.dataByteCount

  init(_ order: StreamOrder) throws(StreamFailure) {
    name = order.place.text
    patience = order.patience.idle
    repeats = order.repeats
    round = try Block(Self.slot * Datagram.roundCount)
    let address = try StreamSockets.address(of: order.place)
    do throws(Errno) {
      stream = try randomBits()
      socket = FileDescriptor(
        adopting: try Sockets.make(address.family, Sockets.Kind.datagram, 0))
      try Sockets.connect(socket.number, to: address)
    } catch {
      throw .connect(order.place.text, error)
    }
  }

  private var place: Address { round.address + UInt64(lengths.count * Self.slot) }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      // A full one goes when something follows: the last one has to say that it is.
      if filling == Datagram.dataByteCount { try close(isLast: false) }
      let part = min(count - done, Datagram.dataByteCount - filling)
      Memory.copy(
        from: address + UInt64(done),
        to: place + UInt64(Datagram.headByteCount + filling), byteCount: UInt64(part))
      filling += part
      done += part
    }
  }

  func finish() throws(StreamFailure) {
    try close(isLast: true)
    try sendRound()
  }

  private func close(isLast: Bool) throws(StreamFailure) {
    Memory.store(Datagram.magic, at: place)
    Memory.store(stream, at: place + 8)
    Memory.store(isLast ? number | Datagram.lastBit : number, at: place + 16)
    number += 1
    lengths.append(Datagram.headByteCount + filling)
    filling = 0
    if lengths.count == Datagram.roundCount { try sendRound() }
  }

  private func sendRound() throws(StreamFailure) {
    for _ in 0..<repeats {
      for index in lengths.indices {
        try send(round.address + UInt64(index * Self.slot), lengths[index])
      }
      pace()
    }
    lengths.removeAll()
  }

  private func send(_ address: Address, _ count: Int) throws(StreamFailure) {
    do throws(Errno) {
      try Descriptors.awaitWritable(socket.number, milliseconds: patience)
      _ = try Files.write(socket.number, from: address, byteCount: UInt64(count))
    } catch {
      // ECONNREFUSED: somebody on the way says that nobody is there, who in general can't.
      guard error == .connectionRefused else { throw .write(name, error) }
    }
  }

  /// Nobody says when it is too fast.
  private func pace() {
    let now = monotonicTime()
    let bytes = UInt64(lengths.reduce(0, +))
    due = max(due, now) + bytes * Self.nanosecondsPerKibibyte / 1024
    if due > now { _ = try? waitReadable([], until: due) }
  }
}

/// Takes a stream of datagrams; one that is missing for good ends it.
final class DatagramSource: ByteSource {
  private let socket: FileDescriptor
  private let name: String
  private let patience: Int
  private let received: Block

  /// Of the stream whose first part came first; `nil`: none has come.
  private var stream: UInt64?
  private var next: UInt64 = 0
  private var last: UInt64?

  /// Parts that came before their turn, by number.
  private var early: [UInt64: [UInt8]] = [:]

  init(
    _ place: StreamPlace, _ patience: StreamPatience, isReady: () -> Void
  ) throws(StreamFailure) {
    name = place.text
    self.patience = patience.idle
    received = try Block(65536)
    let address = try StreamSockets.address(of: place)
    do throws(Errno) {
      socket = FileDescriptor(
        adopting: try Sockets.make(address.family, Sockets.Kind.datagram, 0))
      // As much as there may be.
      _ = try? Sockets.setOption(socket.number, .receiveBuffer, 8 << 20)
      try Sockets.bind(socket.number, to: address)
    } catch {
      throw .listen(place.text, error)
    }
    isReady()
  }

  func read(into block: Block) throws(StreamFailure) {
    while block.count + Datagram.dataByteCount <= block.capacity {
      if let last, next > last { return }
      guard let part = early.removeValue(forKey: next) else {
        if block.count > 0 { return }
        try receive()
        continue
      }
      for (index, byte) in part.enumerated() {
        Memory.store(byte, at: block.address + UInt64(block.count + index))
      }
      block.count += part.count
      next += 1
    }
  }

  /// Takes one datagram; what is no part of the stream is nothing.
  private func receive() throws(StreamFailure) {
    let count: Int
    do throws(Errno) {
      try Descriptors.awaitReadable(
        socket.number, milliseconds: stream == nil ? -1 : patience)
      count = Int(try socket.read(to: received.address, byteCount: 65536))
    } catch {
      if error == .timedOut { throw .gap(missing: next) }
      throw .read(name, error)
    }
    guard
      (Datagram.headByteCount...(Datagram.headByteCount + Datagram.dataByteCount))
        .contains(count), Memory.load(UInt64.self, at: received.address) == Datagram.magic
    else { return }
    try take(count)
  }

  private func take(_ count: Int) throws(StreamFailure) {
    let sender = Memory.load(UInt64.self, at: received.address + 8)
    let word = Memory.load(UInt64.self, at: received.address + 16)
    let number = word & ~Datagram.lastBit
    if stream == nil { stream = sender }
    guard stream == sender, number >= next else { return }
    // Two rounds later it will not come again.
    guard number < next + UInt64(2 * Datagram.roundCount) else { throw .gap(missing: next) }
    if word & Datagram.lastBit != 0 { last = number }
    guard early[number] == nil else { return }
    early[number] = (Datagram.headByteCount..<count).map {
      Memory.load(UInt8.self, at: received.address + UInt64($0))
    }
  }
}
