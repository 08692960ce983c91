public import CheckpointImage
internal import Kernel
public import KernelABI

/// Why an image can't be read.
public enum ImageFailure: Error, Equatable, Sendable {
  case unreadable(Errno)

  /// Not an ordinary file; `nil`: of a kind this program doesn't know.
  case notAFile(FileKind?)

  case empty
  case refused(ImageError)
}

/// An image in a file.
public final class ImageFile: ImageSource {
  public let path: String
  public let byteCount: UInt64?
  private let descriptor: FileDescriptor

  /// Opens the file; what is in it is not looked at yet.
  public init(path: String) throws(ImageFailure) {
    do throws(Errno) {
      // Not to wait for a writer when it is a FIFO.
      let file = try Files.open(path, .readOnly | .nonBlocking | .noControllingTerminal)
      let facts = try Files.facts(ofDescriptor: file.number)
      self.path = path
      byteCount = facts.byteCount
      descriptor = file
      kind = facts.kind
      (device, inode) = (facts.device, facts.inode)
    } catch {
      throw .unreadable(error)
    }
    guard kind == .regular else { throw .notAFile(kind) }
    guard byteCount != 0 else { throw .empty }
  }

  private let kind: FileKind?

  /// Which file this is, together.
  let device: UInt64
  let inode: UInt64

  /// - Throws: `Errno`.
  public func read(at offset: UInt64, count: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let done = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try descriptor.readFully(to: address, byteCount: UInt64(count), at: offset)
    }
    buffer.removeLast(count - Int(done))
    return buffer
  }

  /// The head of the image, checked.
  public func head() throws(ImageFailure) -> ImageHead {
    var source = self
    do { return try ImageHead(from: &source) } catch { throw ImageFailure(error) }
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
  var realPath: String? { try? Files.linkTarget("/proc/self/fd/\(descriptor.number)") }
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
