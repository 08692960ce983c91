public import CheckpointImage
internal import Kernel
public import KernelABI

/// An image in a file.
public struct FileSource: ImageSource, ~Copyable {
  private let file: FileDescriptor

  public let byteCount: UInt64?

  /// Opens a file for reading; a directory, a device or a FIFO is refused with `EINVAL`.
  public init(path: String) throws(Errno) {
    // Non-blocking: a FIFO without a writer must not make us wait.
    let file = try Files.open(path, .readOnly | .nonBlocking)
    let facts = try Files.facts(ofDescriptor: file.number)
    guard facts.kind == .regular else { throw .invalid }
    byteCount = facts.byteCount
    self.file = file
  }

  /// - Throws: `Errno`.
  public func read(at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try withAddress(ofMutableBytes: &bytes) { address throws(Errno) in
      try file.readFully(to: address, byteCount: UInt64(count), at: offset)
    }
    bytes.removeLast(count - Int(got))
    return bytes
  }
}
