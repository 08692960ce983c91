internal import Kernel
public import KernelABI

/// Where an image goes that `ckpt` names: whole or not at all.
///
/// An ordinary file takes the place of another by `commit()`; until then nothing of that name changes. It has no
/// name at all before, so that an owner that is killed leaves nothing; where the file system knows no such files
/// (open(2), O_TMPFILE), it has a temporary one, which an owner that goes away removes. Pipes and devices are
/// written as they are.
public struct OutputFile: ~Copyable {
  public let path: String

  /// `nil` when the file is written in place.
  let temporaryPath: String?

  /// Whether the file has that name already.
  private let isNamed: Bool
  let descriptor: FileDescriptor

  /// - Throws: the kernel's reason why the file or its temporary twin can't be made.
  public init(path: String) throws(Errno) {
    let target = Self.destination(path)
    let temporary = try Self.isWrittenInPlace(target) ? nil : Self.temporaryPath(for: target)
    let opened = try Self.open(target, temporary)
    self.path = target
    temporaryPath = temporary
    isNamed = opened.isNamed
    descriptor = FileDescriptor(adopting: opened.number)
  }

  private static func open(
    _ target: String, _ temporary: String?
  ) throws(Errno) -> (number: Int32, isNamed: Bool) {
    guard let temporary else {
      // Not to wait for a reader of a pipe: without one this fails (ENXIO).
      let file = try HostFiles.open(target, .writeOnly | .noControllingTerminal | .nonBlocking)
      return (file.relinquish(), false)
    }
    if let file = try? HostFiles.open(
      target.folderPart, .readWrite | .temporaryFile, mode: 0o600)
    {
      return (file.relinquish(), false)
    }
    let file = try HostFiles.open(temporary, .readWrite | .create | .exclusive, mode: 0o600)
    return (file.relinquish(), true)
  }

  deinit {
    if isNamed, let temporaryPath { _ = try? HostFiles.remove(temporaryPath) }
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
    if !isNamed { try HostFiles.link(number, to: temporaryPath) }
    do throws(Errno) { try HostFiles.rename(temporaryPath, to: path) } catch {
      _ = try? HostFiles.remove(temporaryPath)
      throw error
    }
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
