internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The file that an image is written to, without its name until it is whole.
///
/// Whoever looks finds the old image or the new one. A file that isn't committed leaves nothing
/// behind, not even when the program is killed while it is written, where the file system knows
/// unnamed files (open(2), O_TMPFILE).
struct ImageOutput: ~Copyable {
  private let file: FileDescriptor
  private let path: ImagePath

  /// Where the file waits for its name: in the same directory.
  private let temporary: ImagePath

  private let kind: Kind

  /// Whether it may take the place of another file.
  private let replaces: Bool

  private enum Kind {
    case unnamed
    case temporary
    case device  // /dev/full and its kin: written to as it is
    case given  // by `ckpt`, which gives it its name
    case stream  // a pipe or a socket of `ckpt`'s
  }

  private init(
    _ file: consuming FileDescriptor, _ kind: Kind, path: ImagePath, temporary: ImagePath,
    replaces: Bool = true
  ) {
    self.replaces = replaces
    self.file = file
    self.kind = kind
    self.path = path
    self.temporary = temporary
  }

  var number: Int32 { file.number }

  /// Whether it has no name at all yet.
  var isUnnamed: Bool { kind == .unnamed }

  /// The unnamed file that another process has open as `number`, to become `path`.
  static func adopted(
    from process: Int32, _ number: Int32, _ path: ImagePath, replaces: Bool,
    scratch: inout Arena
  ) throws(Errno) -> ImageOutput {
    let temporary = try temporaryPath(for: path, &scratch)
    var name = Line("/proc/")
    name.append(decimal: UInt64(process))
    name.append("/fd/")
    name.append(decimal: Int64(number))
    let file = try name.withPath { (name) throws(Errno) in
      try FileDescriptor(path: name, .readWrite)
    }
    return ImageOutput(file, .unnamed, path: path, temporary: temporary, replaces: replaces)
  }

  /// Opens what is to become `path`.
  ///
  /// - Throws: `isDirectory`; `exists` for what is neither a file nor a character device.
  static func create(
    _ path: ImagePath, replaces: Bool, scratch: inout Arena
  ) throws(Errno) -> ImageOutput {
    let temporary = try temporaryPath(for: path, &scratch)
    if let status = try? FileStatus(path: path.address), status.kind != .regular {
      guard status.kind != .directory else { throw .isDirectory }
      guard status.kind == .character else { throw .exists }
      let file = try FileDescriptor(
        path: path.address, .writeOnly | .noControllingTerminal | .nonBlocking)
      return ImageOutput(file, .device, path: path, temporary: temporary)
    }
    if let file = try? unnamed(beside: path, &scratch) {
      return ImageOutput(file, .unnamed, path: path, temporary: temporary, replaces: replaces)
    }
    try? Files.unlink(path: temporary.address)
    let file = try FileDescriptor(
      path: temporary.address, .writeOnly | .create | .exclusive | .noFollow, mode: 0o600)
    return ImageOutput(file, .temporary, path: path, temporary: temporary, replaces: replaces)
  }

  /// A file that somebody else opened and will name.
  static func given(
    _ file: consuming FileDescriptor, scratch: inout Arena
  ) throws(Errno) -> ImageOutput {
    let none = try ImagePath(in: &scratch)
    return ImageOutput(file, .given, path: none, temporary: none)
  }

  /// Lets people run it, as a compiler does with what it makes.
  ///
  /// Whoever gives the file its name does that too.
  borrowing func allowExecution(umask: UInt32) throws(Errno) {
    guard kind == .unnamed || kind == .temporary else { return }
    try Files.setMode(file.number, 0o755 & ~umask)
  }

  /// A pipe or a socket that somebody else reads.
  ///
  /// From here on writing to it does not wait; `ImageWriter` waits, for so long and no longer.
  static func stream(
    _ file: consuming FileDescriptor, scratch: inout Arena
  ) throws(Errno) -> ImageOutput {
    let number = file.number
    try Descriptors.setStatus(number, try Descriptors.status(number) | .nonBlocking)
    let none = try ImagePath(in: &scratch)
    return ImageOutput(file, .stream, path: none, temporary: none)
  }

  /// Makes the contents durable, then visible under the path.
  ///
  /// - Throws: with nothing left behind, and what was there before untouched.
  consuming func commit() throws(CaptureFailure) {
    do throws(CaptureFailure) {
      try during(.synchronizeImage) { () throws(Errno) in try synchronize() }
      try during(.renameImage) { () throws(Errno) in try name() }
    } catch {
      discard()
      throw error
    }
  }

  /// Lets go of the file and leaves nothing of it.
  consuming func discard() {
    if kind == .temporary { try? Files.unlink(path: temporary.address) }
  }

  /// A device that knows no such thing needs none.
  private borrowing func synchronize() throws(Errno) {
    guard kind != .stream else { return }
    do throws(Errno) { try file.synchronize() } catch {
      guard error == .invalid, kind == .device || kind == .given else { throw error }
    }
  }

  private borrowing func name() throws(Errno) {
    switch kind {
    case .device, .given, .stream: return
    case .unnamed: try link()
    case .temporary: break
    }
    do throws(Errno) {
      try rename()
    } catch {
      try? Files.unlink(path: temporary.address)
      throw error
    }
    try synchronizeDirectory()
  }

  private borrowing func rename() throws(Errno) {
    if !replaces {
      do throws(Errno) {
        return try Files.renameWithoutReplacing(temporary.address, to: path.address)
      } catch {
        // EINVAL: a file system that doesn't know the flag. Nobody had the name a moment ago.
        guard error == .invalid else { throw error }
      }
    }
    try Files.rename(temporary.address, to: path.address)
  }

  /// Gives the unnamed file its temporary name: linkat(2) can't replace, rename(2) can.
  private borrowing func link() throws(Errno) {
    try? Files.unlink(path: temporary.address)
    var source = Line("/proc/thread-self/fd/")
    source.append(decimal: Int64(file.number))
    let target = temporary.address
    try source.withPath { (source) throws(Errno) in
      try Files.link(source, to: target)
    }
  }

  /// The name is durable when its directory is.
  private borrowing func synchronizeDirectory() throws(Errno) {
    let count = path.directoryByteCount
    let directory: FileDescriptor
    if count == 0 {
      directory = try FileDescriptor(".", .readOnly | .directory)
    } else {
      // The temporary path has served its purpose: cut it off behind the last `/`.
      Memory.store(UInt8(0), at: temporary.address + count)
      directory = try FileDescriptor(path: temporary.address, .readOnly | .directory)
    }
    try directory.synchronize()
  }

  private static func unnamed(
    beside path: ImagePath, _ scratch: inout Arena
  ) throws(Errno) -> FileDescriptor {
    var directory = try ImagePath(in: &scratch)
    try directory.append(from: path.address, byteCount: path.directoryByteCount)
    if path.directoryByteCount == 0 { try directory.append(".") }
    return try FileDescriptor(
      path: directory.address, .writeOnly | .temporaryFile, mode: 0o600)
  }

  /// `.NAME.PID.tmp` beside the path.
  private static func temporaryPath(
    for path: ImagePath, _ scratch: inout Arena
  ) throws(Errno) -> ImagePath {
    var temporary = try ImagePath(in: &scratch)
    let directory = path.directoryByteCount
    try temporary.append(from: path.address, byteCount: directory)
    try temporary.append(".")
    try temporary.append(from: path.address + directory, byteCount: path.byteCount - directory)
    try temporary.append(".")
    try temporary.append(decimal: UInt64(Process.ownID))
    try temporary.append(".tmp")
    return temporary
  }
}
