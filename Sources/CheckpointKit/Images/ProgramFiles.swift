internal import Kernel
internal import KernelABI

/// Files that programs have mapped, read where images refer to them.
final class ProgramFiles {
  /// The one that was read last: there are many reads of each.
  private var last: OpenFile?

  private final class OpenFile {
    let path: String
    let descriptor: FileDescriptor

    init(path: String) throws(Errno) {
      let file = try HostFiles.open(path, .readOnly | .nonBlocking | .noControllingTerminal)
      self.path = path
      descriptor = file
    }
  }

  /// Exactly `count` bytes; behind the file's end, zeros, as a mapping shows them.
  ///
  /// - Throws: `Errno`.
  func read(_ path: String, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
    let file: OpenFile
    if let last, last.path == path { file = last } else { file = try OpenFile(path: path) }
    last = file
    var buffer = [UInt8](repeating: 0, count: count)
    _ = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try file.descriptor.readFully(to: address, byteCount: UInt64(count), at: offset)
    }
    return buffer
  }
}
