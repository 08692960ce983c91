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

  /// Of the image; in a snapshot executable that is not all of the file.
  public private(set) var byteCount: UInt64?

  /// What the file is besides an image; `nil`: nothing.
  public private(set) var executable: Executable?

  /// Where the image starts in the file.
  private var start: UInt64 = 0
  private let descriptor: FileDescriptor

  /// Opens the file; of what is in it, only the program part of a snapshot executable is looked at.
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
    try findImage()
  }

  private func findImage() throws(ImageFailure) {
    var file = self
    do { executable = try Executable.find(in: &file) } catch { throw ImageFailure(error) }
    guard let executable else { return }
    (start, byteCount) = (executable.imageOffset, executable.imageByteCount)
  }

  private let kind: FileKind?

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
