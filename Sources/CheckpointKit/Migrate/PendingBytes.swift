internal import Kernel
internal import KernelABI

/// Bytes that go to a descriptor that does not block, as it takes them.
struct PendingBytes {
  private var bytes: [UInt8] = []

  /// Whether it is time to take no more.
  var isFull: Bool { bytes.count >= 1 << 20 }
  var isEmpty: Bool { bytes.isEmpty }

  mutating func append(_ more: [UInt8]) { bytes += more }

  mutating func removeAll() { bytes.removeAll() }

  /// Writes what is taken at once.
  ///
  /// - Returns: false when nobody takes anything any more.
  mutating func send(to number: Int32) -> Bool {
    while !bytes.isEmpty {
      do throws(Errno) {
        let count = try withAddress(ofBytes: bytes) { [count = bytes.count] address throws(Errno) in
          try Files.write(number, from: address, byteCount: UInt64(count))
        }
        bytes.removeFirst(Int(count))
      } catch {
        if error == .tryAgain { return true }
        guard error == .interrupted else { return false }
      }
    }
    return true
  }
}
