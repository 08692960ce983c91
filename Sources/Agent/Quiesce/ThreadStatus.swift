internal import Kernel
internal import KernelABI
internal import Procfs

/// What /proc/self/task/TID/status says of a thread that is to be stopped.
///
/// Source: proc_pid_status(5).
struct ThreadStatus {
  var isZombie = false
  var blocked: UInt64 = 0

  /// Signals that wait for this thread alone.
  var pending: UInt64 = 0

  /// Threads that the process has, with those that have ended and aren't buried.
  var processThreads = 0

  /// Room for the file; its size grows with the machine's CPUs and nodes.
  static let textCapacity: UInt64 = 16 << 10

  /// - Parameter text: `textCapacity` bytes to read into.
  /// - Throws: `noSuchFile` or `noSuchProcess` when the thread is gone.
  init(of tid: Int32, text: Address) throws(Errno) {
    var path = Line("/proc/self/task/")
    path.append(decimal: Int64(tid))
    path.append("/status")
    let file = try path.withPath { (path) throws(Errno) in
      try FileDescriptor(path: path, .readOnly)
    }
    // One read gets all of it: the kernel prints it as one record (`fs/seq_file.c`).
    let count = try file.read(to: text, byteCount: Self.textCapacity)
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(count)))
    while !cursor.isAtEnd {
      if cursor.take("State:") {
        cursor.skipBlanks()
        isZombie = cursor.current == 0x5A
      } else if cursor.take("Threads:") {
        cursor.skipBlanks()
        processThreads = Int(cursor.number() ?? 0)
      } else if cursor.take("SigPnd:") {
        cursor.skipBlanks()
        pending = cursor.number(radix: 16) ?? 0
      } else if cursor.take("SigBlk:") {
        cursor.skipBlanks()
        blocked = cursor.number(radix: 16) ?? 0
        return
      }
      cursor.skipLine()
    }
  }
}
