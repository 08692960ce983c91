internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A copy of a snapshot executable with another list of pages.
struct TrainedCopy {
  private let source: FileDescriptorBox
  private let executable: Executable
  private let frame: ExecutableFrame
  private let pages: [UInt8]
  private let mode: UInt32

  /// - Parameter executable: what the file is.
  init(
    of path: String, _ executable: Executable, _ identity: ImageIdentity, _ pages: [UInt8]
  ) throws(Errno) {
    source = FileDescriptorBox(try HostFiles.open(path, .readOnly))
    self.executable = executable
    self.pages = pages
    mode = try HostFiles.facts(ofDescriptor: source.number).mode
    let program = try Self.bytes(
      of: source.number, Int(executable.slot.programByteCount), at: 0)
    guard
      let frame = ExecutableFrame(
        program: program, imageByteCount: executable.imageByteCount, identity: identity,
        startsInSavedDirectory: executable.startsInSavedDirectory, pages: pages),
      frame.executable.imageOffset == executable.imageOffset
    else { throw .noExec }
    self.frame = frame
  }

  /// Puts the copy on disk, then under its name.
  ///
  /// - Returns: its size in bytes.
  func write(to path: String) throws(Errno) -> UInt64 {
    let file = try OutputFile(path: path)
    let number = file.number
    try copyImage(to: number)
    try Self.put(frame.head, in: number, at: 0)
    try Self.put(pages, in: number, at: frame.executable.pagesOffset)
    try Self.put(frame.end, in: number, at: frame.executable.namesOffset)
    try Files.setMode(number, mode & 0o777)
    try Files.synchronize(number)
    try file.commit()
    return frame.executable.fileByteCount
  }

  /// Bytes that are copied at a time.
  private static let chunkByteCount: UInt64 = 4 << 20

  /// What is zero is left out: holes stay holes.
  private func copyImage(to number: Int32) throws(Errno) {
    var offset = executable.imageOffset
    let end = offset + executable.imageByteCount
    while offset < end {
      let count = min(Self.chunkByteCount, end - offset)
      let bytes = try Self.bytes(of: source.number, Int(count), at: offset)
      guard bytes.count == count else { throw .inputOutput }
      if bytes.contains(where: { $0 != 0 }) { try Self.put(bytes, in: number, at: offset) }
      offset += count
    }
  }

  private static func bytes(
    of number: Int32, _ count: Int, at offset: UInt64
  ) throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let done = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try Files.read(number, to: address, byteCount: UInt64(count), at: offset)
    }
    buffer.removeLast(count - Int(done))
    return buffer
  }

  private static func put(_ bytes: [UInt8], in number: Int32, at offset: UInt64) throws(Errno) {
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Files.write(number, from: address, byteCount: UInt64(bytes.count), at: offset)
    }
  }
}

/// An open file that several may hold.
private final class FileDescriptorBox {
  private let descriptor: FileDescriptor
  var number: Int32 { descriptor.number }
  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}
