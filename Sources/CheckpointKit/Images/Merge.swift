internal import CheckpointImage
internal import Kernel
public import KernelABI

/// One image made of a chain.
public struct MergedImage: Equatable, Sendable {
  public var path: String
  public var byteCount: UInt64

  /// How many images it was made of.
  public var imageCount: Int

  /// Bytes of memory that were taken out of the program's files.
  public var fileDataByteCount: UInt64
}

/// Why no image was made; there is none then, and what was under its name is as it was.
public enum MergeFailure: Error, Equatable, Sendable {
  case chain(ChainFailure)

  /// An image of the chain is damaged where its head doesn't tell, or can't be read any more.
  case data(path: String, ImageFailure)

  /// A file that the program has mapped can't be read.
  case file(path: String, child: String, Errno)

  /// Such a file has other bytes than the program's memory had.
  case changedFile(path: String, child: String, offset: UInt64)

  /// The output is an image that another one of the chain needs.
  case needed(path: String, child: String)
  case output(path: String, Errno)
}

/// Makes one image of an image and all those that it needs.
///
/// Holds the heads of the images in memory and a little of the data. The image appears under its name when it
/// is safe on disk.
///
/// - Parameters:
///   - output: its name; the image itself may have it.
///   - isThick: takes in what images leave in the program's files, too.
///   - progress: hears how much was written, and of how much.
public func merge(
  _ path: String, to output: String, isThick: Bool,
  progress: (_ done: UInt64, _ total: UInt64) -> Void
) throws(MergeFailure) -> MergedImage {
  let chain: Chain
  do throws(ChainFailure) { chain = try Chain(path: path) } catch { throw .chain(error) }
  try refuseNeeded(output, chain)
  let paths = chain.files.map(\.path)
  var merge: ImageMerge<ImageFile>
  do throws(MergeError) {
    merge = try ImageMerge(chain.images, chain.files, isThick: isThick)
  } catch {
    throw MergeFailure(error, output, paths)
  }
  let file: OutputFile
  do throws(Errno) { file = try OutputFile(path: output) } catch {
    throw .output(path: output, error)
  }
  let total = merge.fileByteCount
  var sink = OutputSink(number: file.number)
  let files = ProgramFiles()
  do throws(MergeError) {
    try merge.write(to: &sink, files: files.read) { progress($0, total) }
  } catch {
    throw MergeFailure(error, output, paths)
  }
  let made = MergedImage(
    path: file.path, byteCount: total, imageCount: paths.count,
    fileDataByteCount: merge.fileDataByteCount)
  do throws(Errno) {
    try sink.synchronize()
    try file.commit()
  } catch {
    throw .output(path: output, error)
  }
  return made
}

/// An image that others of the chain need must not be replaced; the newest may.
private func refuseNeeded(_ output: String, _ chain: Chain) throws(MergeFailure) {
  guard let there = try? Files.facts(of: output), there.kind == .regular else { return }
  for (index, file) in chain.files.enumerated().dropFirst()
  where file.device == there.device && file.inode == there.inode {
    throw .needed(path: output, child: chain.files[index - 1].path)
  }
}

extension MergeFailure {
  fileprivate init(_ error: MergeError, _ output: String, _ paths: [String]) {
    self =
      switch error {
      case .image(let link, let error): .data(path: paths[link], ImageFailure(error))
      case .file(let path, let link, let error):
        .file(path: path, child: paths[link], error as? Errno ?? .inputOutput)
      case .changedFile(let path, let link, let offset):
        .changedFile(path: path, child: paths[link], offset: offset)
      case .output(let error): .output(path: output, error as? Errno ?? .inputOutput)
      }
  }
}

/// Writes to a file wherever it is told to.
private struct OutputSink: ImageSink {
  let number: Int32

  /// - Throws: `Errno`.
  mutating func write(_ bytes: [UInt8], at offset: UInt64) throws {
    let number = number
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Kernel.Files.write(
        number, from: address, byteCount: UInt64(bytes.count), at: offset)
    }
  }

  /// A device that knows no such thing needs none.
  ///
  /// Source: fsync(2).
  func synchronize() throws(Errno) {
    do throws(Errno) {
      _ = try systemCall(SyscallNumber.fsync, Int(number))
    } catch {
      guard error == .invalid else { throw error }
    }
  }
}
