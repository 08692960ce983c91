internal import CImage
internal import Kernel
internal import KernelABI

/// The connection to a waiting `ckpt save`: records, one a message.
///
/// No call here waits longer than the protocol's patience: `ckpt` may be gone or stuck, and the
/// program must not hang for it. Source of the layouts: `ckpt_protocol.h`; unix(7), cmsg(3).
struct ControlSocket: BitwiseCopyable {
  let number: Int32

  /// Connects to the abstract address that `token` names, and looks who is there.
  ///
  /// - Throws: `connectionRefused` when nobody listens, `notPermitted` when the listener is neither
  ///   this program's user nor root.
  init(token: UInt64) throws(Errno) {
    number = try Sockets.make(
      Sockets.Family.unix, Sockets.Kind.packets, 0, nonBlocking: true)
    do throws(Errno) {
      var name = Line("ckpt-")
      var shift: UInt64 = 64
      while shift > 0 {
        shift -= 4
        name.append(hex: token >> shift & 0xF)
      }
      try Sockets.connect(number, to: SocketAddress(abstract: name))
      let peer = try PeerCredentials(of: number)
      guard peer.isOwnUserOrRoot || peer.user == PeerCredentials.overflowUser else {
        throw .notPermitted
      }
    } catch {
      closeDescriptor(number)
      throw error
    }
  }

  func close() { closeDescriptor(number) }

  /// Receives one message, and up to two descriptors that come along.
  func receive(
    to address: Address, capacity: UInt64,
    milliseconds: Int = Int(CKPT_PROTOCOL_PATIENCE / 1_000_000)
  ) throws(Errno) -> DescriptorPassing.Received {
    var entry = PollEntry(descriptor: number)
    entry.wait(milliseconds: milliseconds)
    guard entry.isReady else { throw .timedOut }
    let received = try DescriptorPassing.receive(
      number, to: address, capacity: capacity, waits: false)
    guard received.byteCount > 0 else { throw .brokenPipe }
    return received
  }

  /// Sends a message; when `ckpt` doesn't take it, it is lost.
  func send(_ address: Address, byteCount: UInt64) {
    _ = try? Sockets.send(number, from: address, byteCount: byteCount)
  }
}
