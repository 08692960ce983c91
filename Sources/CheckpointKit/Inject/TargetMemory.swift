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
    let number = Int(file.number)
    let done = try withAddress(ofMutableBytes: &bytes) { buffer throws(Errno) in
      try systemCall(
        SyscallNumber.pread, number, buffer.argument, count, Address(address).argument)
    }
    guard done == count else { throw .inputOutput }
    return bytes
  }

  borrowing func write(_ bytes: [UInt8], at address: UInt64) throws(Errno) {
    let number = Int(file.number)
    let done = try withAddress(ofBytes: bytes) { buffer throws(Errno) in
      try systemCall(
        SyscallNumber.pwrite, number, buffer.argument, bytes.count, Address(address).argument)
    }
    guard done == bytes.count else { throw .inputOutput }
  }
}
