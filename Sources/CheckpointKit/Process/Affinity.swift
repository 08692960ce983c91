internal import Kernel
internal import KernelABI

/// On which processors this command runs.
///
/// Source: sched_setaffinity(2).
enum Affinity {
  /// Bytes of a set: more processors than any machine has.
  private static let byteCount = 1024

  /// Runs `body` on one processor.
  ///
  /// - Returns: `nil` when this command may not run there.
  static func visiting<R>(_ processor: Int, _ body: () -> R?) -> R? {
    guard processor >= 0, processor < 8 * byteCount, let before = try? current() else {
      return nil
    }
    var only = [UInt8](repeating: 0, count: byteCount)
    only[processor / 8] = 1 << UInt8(processor % 8)
    do throws(Errno) { try set(only) } catch { return nil }
    defer { _ = try? set(before) }
    return body()
  }

  private static func current() throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let count = try withAddress(ofMutableBytes: &bytes) { address throws(Errno) in
      try Scheduling.affinity(of: 0, to: address, capacity: UInt64(byteCount))
    }
    return Array(bytes.prefix(Int(count)))
  }

  private static func set(_ bytes: [UInt8]) throws(Errno) {
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Scheduling.setAffinity(at: address, byteCount: UInt64(bytes.count))
    }
  }
}

/// The processor that a thread ran on last, by its /proc/PID/stat.
///
/// Source: proc_pid_stat(5), field 39.
func processor(inStat text: String) -> Int? {
  guard let end = text.lastIndex(of: ")") else { return nil }
  let fields = text[end...].split(separator: " ")
  return fields.count > 37 ? Int(fields[37]) : nil
}
