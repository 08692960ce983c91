internal import Kernel
internal import KernelABI

/// The memory of another process, by address.
///
/// A tracer's writes reach read-only memory too; the process then has a page of its own there.
///
/// Source: proc_pid_mem(5).
struct TargetMemory: ~Copyable {
  private let file: FileDescriptor

  init(_ pid: Int32) throws(Errno) {
    file = try HostFiles.open("/proc/\(pid)/mem", .readWrite)
  }

  /// - Throws: `inputOutput` where nothing is mapped.
  borrowing func read(_ address: UInt64, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let number = file.number
    let done = try withAddress(ofMutableBytes: &bytes) { buffer throws(Errno) in
      try Files.readOnce(number, to: buffer, byteCount: UInt64(count), at: address)
    }
    guard done == UInt64(count) else { throw .inputOutput }
    return bytes
  }

  borrowing func write(_ bytes: [UInt8], at address: UInt64) throws(Errno) {
    let number = file.number
    try withAddress(ofBytes: bytes) { buffer throws(Errno) in
      try Files.write(number, from: buffer, byteCount: UInt64(bytes.count), at: address)
    }
  }
}
