internal import Kernel
internal import KernelABI

/// A directory that was removed while the program was in it, or had it open: it is empty, and nothing
/// can be made in it.
///
/// Source: rmdir(2), unlink(2).
enum UnlinkedDirectory {
  private static let mark: StaticString = " (deleted)"

  /// Whether a name of /proc is that of such a directory, and not one that is just called so.
  static func isAt(_ name: Address, byteCount: Int, path: Address) -> Bool {
    let count = mark.utf8CodeUnitCount
    guard byteCount > count else { return false }
    for index in 0..<UInt64(count)
    where Memory.load(UInt8.self, at: name + UInt64(byteCount - count) + index)
      != Memory.load(UInt8.self, at: mark.address + index)
    {
      return false
    }
    return (try? FileStatus(linkPath: path)) == nil
  }

  /// Makes one in /tmp, uses it, and removes it again.
  static func use<R>(_ body: (Address) throws(Errno) -> R) throws(Errno) -> R {
    var line = Line("/tmp/ckpt-deleted-")
    line.append(hex: try Random.word())
    return try line.withPath { (path) throws(Errno) in
      try Files.makeDirectory(path: path, mode: 0o700)
      defer { try? Files.removeDirectory(path: path) }
      return try body(path)
    }
  }
}
