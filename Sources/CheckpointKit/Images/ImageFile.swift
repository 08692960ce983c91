public import CheckpointImage
internal import Kernel
public import KernelABI

/// Why an image can't be read.
public enum ImageFailure: Error, Equatable, Sendable {
  case unreadable(Errno)

  /// Not an ordinary file.
  case notAFile(FileKind)

  case empty
  case refused(ImageError)

  /// It is compressed or encrypted, and can't be unpacked.
  case packed(StreamFailure)
}

/// An image in a file.
public final class ImageFile: ImageSource {
  public let path: String

  /// Of the image; in a snapshot executable that is not all of the file.
  public private(set) var byteCount: UInt64?

  /// What the file is besides an image; `nil`: nothing.
  public private(set) var executable: Executable?

  /// Where the image starts in the file.
  private var start: UInt64 = 0
  private var descriptor: FileDescriptor

  /// Opens the file; of what is in it, only the program part of a snapshot executable is looked at.
  public init(path: String) throws(ImageFailure) {
    self.path = path
    let number: Int32
    let facts: FileFacts
    do throws(Errno) {
      // Not to wait for a writer when it is a FIFO.
      number = try HostFiles.open(path, .readOnly | .nonBlocking | .noControllingTerminal)
        .relinquish()
      facts = try HostFiles.facts(ofDescriptor: number)
    } catch {
      throw .unreadable(error)
    }
    let file = FileDescriptor(adopting: number)
    guard facts.kind == .regular else { throw .notAFile(facts.kind) }
    guard facts.byteCount != 0 else { throw .empty }
    (device, inode) = (facts.device, facts.inode)
    if let unpacked = try Self.unpacked(file, path) {
      isPacked = true
      byteCount = unpacked.byteCount
      descriptor = FileDescriptor(adopting: unpacked.number)
    } else {
      isPacked = false
      byteCount = facts.byteCount
      descriptor = file
    }
    try findImage()
  }

  private func findImage() throws(ImageFailure) {
    guard !isPacked else { return }
    var file = self
    do { executable = try Executable.find(in: &file) } catch { throw ImageFailure(error) }
    guard let executable else { return }
    guard !executable.isPacked else { return try unpack(executable) }
    (start, byteCount) = (executable.imageOffset, executable.imageByteCount)
  }

  /// Goes on with a copy of what is compressed in a snapshot executable.
  private func unpack(_ executable: Executable) throws(ImageFailure) {
    let copy: FileDescriptor
    do throws(Errno) { copy = FileDescriptor(adopting: try temporaryFile()) } catch {
      throw .unreadable(error)
    }
    do throws(StreamFailure) {
      let source = try ChunkSource(descriptor.number, path, executable)
      try pump(source, to: DescriptorSink(copy.number, "a temporary file", patience: -1))
    } catch {
      throw error == .damaged(.lz4)
        ? .refused(ImageError(.damagedPacking, at: executable.imageOffset, 0)) : .packed(error)
    }
    (isPacked, byteCount) = (true, executable.unpackedByteCount)
    descriptor = copy
  }

  /// Whether the file is compressed: what is read is a copy of what is in it.
  private(set) var isPacked: Bool

  /// Where a program finds the bytes of the image, as long as this object lives.
  var readablePath: String { isPacked ? "/proc/self/fd/\(descriptor.number)" : path }

  /// What is in a compressed file, in a file without a name beside the temporary ones.
  ///
  /// - Returns: `nil` when the file is no compressed one; else a number that the caller owns.
  private static func unpacked(
    _ file: borrowing FileDescriptor, _ path: String
  ) throws(ImageFailure) -> (number: Int32, byteCount: UInt64)? {
    var prefix = [UInt8](repeating: 0, count: 8)
    let number: Int32
    do throws(Errno) {
      let count = try withAddress(ofMutableBytes: &prefix) { address throws(Errno) in
        try file.readFully(to: address, byteCount: 8, at: 0)
      }
      guard count == 8, StreamFailure.Format(prefix: prefix) != nil else { return nil }
      number = try temporaryFile()
    } catch {
      throw .unreadable(error)
    }
    let copy = FileDescriptor(adopting: number)
    var byteCount: UInt64 = 0
    do throws(StreamFailure) {
      let source = try openedSource(.file(path), key: nil, StreamPatience()) {}
      try pump(source, to: DescriptorSink(copy.number, "a temporary file", patience: -1)) {
        byteCount = $0
      }
    } catch {
      throw .packed(error)
    }
    guard byteCount > 0 else { throw .empty }
    return (copy.relinquish(), byteCount)
  }

  /// Which file this is, together.
  let device: UInt64
  let inode: UInt64

  /// - Throws: `Errno`.
  public func read(at offset: UInt64, count: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let done = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try descriptor.readFully(to: address, byteCount: UInt64(count), at: start + offset)
    }
    buffer.removeLast(count - Int(done))
    return buffer
  }

  /// The head of the image, checked.
  public func head() throws(ImageFailure) -> ImageHead {
    var source = self
    let head: ImageHead
    do { head = try ImageHead(from: &source) } catch { throw ImageFailure(error) }
    if let executable, !executable.holds(head) {
      throw .refused(ImageError(.foreignImage, at: 0, head.identity.low))
    }
    return head
  }

  /// Looks at every byte, and at the files that the image refers to; `progress` hears how many bytes
  /// were looked at.
  public func verify(progress: (UInt64) -> Void) throws(ImageFailure) -> VerifyReport {
    var source = self
    let files = ProgramFiles()
    do {
      return try CheckpointImageFile.verify(&source, files: files.read, progress: progress)
    } catch {
      throw ImageFailure(error)
    }
  }

  /// Where the file really is, through symbolic links.
  var realPath: String? {
    isPacked ? absolutePath(path) : try? HostFiles.linkTarget("/proc/self/fd/\(descriptor.number)")
  }
}

/// Makes a file without a name, on a disk where there is one: an image may be larger than memory.
///
/// - Returns: its number, which the caller owns.
func temporaryFile() throws(Errno) -> Int32 {
  for folder in ["/var/tmp", "/tmp"] {
    if let number = try? HostFiles.open(folder, .readWrite | .temporaryFile, mode: 0o600)
      .relinquish()
    {
      return number
    }
  }
  let name: StaticString = "ckpt-image"
  return try Files.memoryFile(name: name.address, flags: 0)
}

extension ImageFailure {
  /// From what the reader of an `ImageFile` throws.
  init(_ error: any Error) {
    switch error {
    case let error as ImageError: self = .refused(error)
    case let error as Errno: self = .unreadable(error)
    default: self = .unreadable(.inputOutput)
    }
  }
}
