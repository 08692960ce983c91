internal import CheckpointImage
internal import Kernel
public import KernelABI

/// Why no list of pages was stored; what was under the name is as it was.
public enum TrainFailure: Error, Equatable, Sendable {
  case image(ImageFailure)
  case notAnExecutable

  /// All of its memory is read before it runs: nothing could come sooner.
  case packed

  /// It could not be started or waited for.
  case start(Errno)

  /// Nothing was seen; how it ended, as for `$?` of a shell.
  case nothingSeen(status: Int32)
  case output(path: String, Errno)
}

/// What came of a training.
public struct TrainedExecutable: Equatable, Sendable {
  public var path: String
  public var byteCount: UInt64

  /// Pages that the program touched until its first answer, and how many of them it wrote to.
  public var pageCount: UInt64
  public var writtenPageCount: UInt64

  /// How the program ended, as for `$?` of a shell.
  public var status: Int32
}

/// Runs a snapshot executable once to its end, watches which pages it touches until its first
/// answer, and makes a copy of it that brings those at once.
///
/// - Parameters:
///   - output: the name of the copy; it may be that of the executable.
///   - arguments: for the program, as bytes; the first is its name.
public func train(
  _ path: String, to output: String, arguments: [[UInt8]], environment: Environment
) throws(TrainFailure) -> TrainedExecutable {
  let file: ImageFile
  let identity: ImageIdentity
  do throws(ImageFailure) {
    file = try ImageFile(path: path)
    identity = try file.head().identity
  } catch {
    throw .image(error)
  }
  guard let executable = file.executable else { throw .notAnExecutable }
  if executable.isPacked { throw .packed }
  let (record, status) = try watch(path, arguments, environment)
  guard let runs = PageList.joined(record), !runs.isEmpty else {
    throw .nothingSeen(status: status)
  }
  let pages = PageList.bytes(runs)
  // EFBIG.
  guard !pages.isEmpty else { throw .output(path: output, .tooLarge) }
  do throws(Errno) {
    let byteCount = try TrainedCopy(of: path, executable, identity, pages).write(to: output)
    return TrainedExecutable(
      path: output, byteCount: byteCount, pageCount: runs.pageCount { _ in true },
      writtenPageCount: runs.pageCount(\.isWritten), status: status)
  } catch {
    throw .output(path: output, error)
  }
}

/// Runs it.
///
/// - Returns: what was recorded, and how it ended.
private func watch(
  _ path: String, _ arguments: [[UInt8]], _ environment: Environment
) throws(TrainFailure) -> ([UInt8], Int32) {
  do throws(Errno) {
    let record = try HostFiles.temporary(holding: [])
    // It stays open when this process's child becomes the program.
    try Descriptors.setFlags(record.number, 0)
    var environment = environment
    environment.set("CKPT_TRAIN", to: String(record.number))
    let status = try WatchedRun(path, arguments, environment).end()
    let contents = try HostFiles.contents(of: "/proc/self/fd/\(record.number)")
    return (contents, status)
  } catch {
    throw .start(error)
  }
}

extension [PageList.Run] {
  fileprivate func pageCount(_ isWanted: (PageList.Run) -> Bool) -> UInt64 {
    reduce(0) { $0 + (isWanted($1) ? UInt64($1.pageCount) : 0) }
  }
}
