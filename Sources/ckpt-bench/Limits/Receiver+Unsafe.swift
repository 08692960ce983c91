internal import Glibc

/// Takes one connection on the loopback interface and reads all that comes, on a thread of its own.
///
/// The thread has the only reference to what it works on, until `join` has it back.
final class Receiver {
  let port: UInt16
  private let listener: Int32
  private var thread = pthread_t()

  init() throws(BenchFailure) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(listener, generic, size) == 0 && listen(listener, 1) == 0
          && getsockname(listener, generic, &size) == 0
      }
    }
    guard isBound else { throw BenchFailure("cannot listen on the loopback interface") }
    port = UInt16(bigEndian: address.sin_port)
    let started = unsafe pthread_create(
      &thread, nil,
      { word in
        takeAll(Int32(truncatingIfNeeded: Int(bitPattern: word)))
        return nil
      }, UnsafeMutableRawPointer(bitPattern: Int(listener)))
    guard started == 0 else { throw BenchFailure("cannot start a thread") }
  }

  /// Waits until the sender has hung up and all was read.
  func join() { pthread_join(thread, nil) }

  deinit { close(listener) }
}

private func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}

private func takeAll(_ listener: Int32) {
  let connection = accept(listener, nil, nil)
  guard connection >= 0 else { return }
  defer { close(connection) }
  let room = 1 << 20
  let buffer = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 4096)
  defer { unsafe buffer.deallocate() }
  while unsafe read(connection, buffer, room) > 0 {}
}

/// Sends bytes to a receiver, 1 MiB at a time, and hangs up.
///
/// - Parameter start: of memory with at least `blockByteCount` bytes, which are sent again and again.
func send(
  _ byteCount: UInt64, from start: UInt64, blockByteCount: UInt64, to port: UInt16
) throws(BenchFailure) {
  let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(connection) }
  var address = loopback(port)
  let size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
      unsafe connect(connection, generic, size) == 0
    }
  }
  guard isConnected else { throw BenchFailure("cannot connect on the loopback interface") }
  var done: UInt64 = 0
  while done < byteCount {
    let place = done % blockByteCount
    let count = min(1 << 20, byteCount - done, blockByteCount - place)
    let bytes = unsafe UnsafeRawPointer(bitPattern: UInt(start + place))
    let sent = unsafe write(connection, bytes, Int(count))
    guard sent > 0 else { throw BenchFailure("cannot send on the loopback interface") }
    done += UInt64(sent)
  }
}
