internal import CStreams
internal import Kernel
internal import KernelABI

/// The address of a host and a port; an empty host is this machine alone.
///
/// The library fills storage of this function's own, of the length that it is told.
func hostAddress(
  _ host: String, _ port: UInt16, isDatagram: Bool
) throws(StreamFailure) -> SocketAddress {
  var storage = InlineArray<14, UInt64>(repeating: 0)
  let name = host.isEmpty ? "127.0.0.1" : host
  let count = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
    unsafe cresolve(
      name, String(port), isDatagram ? 1 : 0, bytes.baseAddress, SocketAddress.capacity)
  }
  guard count > 0 else { throw .unknownHost(name) }
  return SocketAddress(byteCount: count, storage)
}
