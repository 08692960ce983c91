internal import Kernel
internal import KernelABI

/// Writing to a file, or to a pipe or socket that does not wait by itself (O_NONBLOCK).
enum PatientWrite {
  /// Writes once; a pipe or socket that is full gets its time.
  ///
  /// - Parameter patience: milliseconds that nobody reads.
  /// - Returns: how many bytes.
  /// - Throws: `timedOut` when nobody reads.
  static func once(
    _ descriptor: Int32, from address: Address, byteCount: UInt64, patience: Int
  ) throws(Errno) -> UInt64 {
    while true {
      do throws(Errno) {
        return try Files.write(descriptor, from: address, byteCount: byteCount)
      } catch {
        guard error == .tryAgain else { throw error }
      }
      try Descriptors.awaitWritable(descriptor, milliseconds: patience)
    }
  }

  /// Writes all of it.
  static func all(
    _ descriptor: Int32, from address: Address, byteCount: UInt64, patience: Int
  ) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      let count = try once(
        descriptor, from: address + done, byteCount: byteCount - done, patience: patience)
      guard count > 0 else { throw .inputOutput }
      done += count
    }
  }
}
