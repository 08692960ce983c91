internal import Kernel
public import KernelABI

/// Where an image goes that `ckpt` names: whole or not at all.
///
/// An ordinary file is written under a temporary name beside the wanted one and takes its place by
/// `commit()`; until then nothing of that name changes, and an owner that goes away without it
/// removes the temporary one. Pipes and devices are written as they are.
public struct OutputFile: ~Copyable {
  public let path: String

  /// `nil` when the file is written in place.
  let temporaryPath: String?
  let descriptor: FileDescriptor

  /// - Throws: the kernel's reason why the file or its temporary twin can't be made.
  public init(path: String) throws(Errno) {
    let target = Self.destination(path)
    let temporary = try Self.isWrittenInPlace(target) ? nil : Self.temporaryPath(for: target)
    let file =
      if let temporary {
        try HostFiles.open(temporary, .readWrite | .create | .exclusive, mode: 0o600)
      } else {
        // Not to wait for a reader of a pipe: without one this fails (ENXIO).
        try HostFiles.open(target, .writeOnly | .noControllingTerminal | .nonBlocking)
      }
    self.path = target
    temporaryPath = temporary
    descriptor = file
  }

  deinit {
    if let temporaryPath { _ = try? HostFiles.remove(temporaryPath) }
  }

  public var number: Int32 { descriptor.number }

  /// Lets people run it, as a compiler does with what it makes.
  ///
  /// Source: fchmod(2), umask(2).
  public borrowing func allowExecution() throws(Errno) {
    guard temporaryPath != nil else { return }
    try Files.setMode(number, 0o755 & ~ProcessAttributes.umask)
  }

  /// Gives the file its name, for good: the folder is on disk when this returns.
  public consuming func commit() throws(Errno) {
    guard let temporaryPath else { return }
    try HostFiles.rename(temporaryPath, to: path)
    // From here on there is no temporary file; removing it in `deinit` fails, which is as well.
    try HostFiles.open(path.folderPart, .readOnly | .directory).synchronize()
  }

  /// A hidden name in the same folder, so that rename(2) can move it.
  private static func temporaryPath(for path: String) throws(Errno) -> String {
    let digits = String(try randomBits(), radix: 36)
    return "\(path.folderPart)/.\(path.namePart.prefix(200)).\(digits)"
  }

  /// Where a symbolic link at `path` leads, so that the link stays a link.
  private static func destination(_ path: String) -> String {
    let absolute = absolutePath(path)
    do throws(Errno) {
      let target = try HostFiles.linkTarget(absolute)
      return target.hasPrefix("/") ? target : "\(absolute.folderPart)/\(target)"
    } catch {
      return absolute
    }
  }

  private static func isWrittenInPlace(_ path: String) throws(Errno) -> Bool {
    do throws(Errno) {
      switch try HostFiles.facts(of: path).kind {
      case .regular: return false
      case .directory: throw Errno.isDirectory
      default: return true
      }
    } catch {
      guard error == .noSuchFile, !path.hasSuffix("/") else { throw error }
      return false
    }
  }
}
