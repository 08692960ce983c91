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

  /// The program `restart` can't be read, or is none that can hold an image (`noExec`).
  case program(path: String, Errno)
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
  try merge(path, to: output, isThick: isThick, as: nil, progress: progress)
}

/// How a snapshot executable is to be made.
public struct ExecutableOrder: Equatable, Sendable {
  /// The path of the program `restart`.
  public var program: String

  /// The program goes on where it was saved, not where the executable is started.
  public var startsInSavedDirectory = false

  /// Its image is compressed, and unpacked at each start.
  public var isPacked = false

  public init(program: String) { self.program = program }
}

/// Makes a snapshot executable of an image and all those that it needs; else like `merge`.
public func makeExecutable(
  of path: String, to output: String, _ order: ExecutableOrder,
  progress: (_ done: UInt64, _ total: UInt64) -> Void
) throws(MergeFailure) -> MergedImage {
  try merge(path, to: output, isThick: true, as: order, progress: progress)
}

private func merge(
  _ path: String, to output: String, isThick: Bool, as order: ExecutableOrder?,
  progress: (_ done: UInt64, _ total: UInt64) -> Void
) throws(MergeFailure) -> MergedImage {
  let chain: FileChain
  do throws(ChainFailure) { chain = try FileChain(path: path) } catch { throw .chain(error) }
  try refuseNeeded(output, chain)
  let paths = chain.files.map(\.path)
  var merge: ImageMerge<ImageFile>
  do throws(MergeError) {
    merge = try ImageMerge(chain.images, chain.files, isThick: isThick)
  } catch {
    throw MergeFailure(error, output, paths)
  }
  let total = merge.fileByteCount
  if let order, order.isPacked {
    let made = try pack(&merge, paths, to: output, order) { progress($0, total) }
    return made
  }
  let frame = try frame(order, around: total, chain)
  let file: OutputFile
  do throws(Errno) { file = try OutputFile(path: output) } catch {
    throw .output(path: output, error)
  }
  var sink = OutputSink(number: file.number, start: frame?.executable.imageOffset ?? 0)
  let files = ProgramFiles()
  do throws(MergeError) {
    try merge.write(to: &sink, files: files.read) { progress($0, total) }
  } catch {
    throw MergeFailure(error, output, paths)
  }
  let made = MergedImage(
    path: file.path, byteCount: frame?.executable.fileByteCount ?? total,
    imageCount: paths.count,
    fileDataByteCount: merge.fileDataByteCount)
  do throws(Errno) {
    if let frame {
      try sink.put(frame)
      try file.allowExecution()
    }
    try sink.synchronize()
    try file.commit()
  } catch {
    throw .output(path: output, error)
  }
  return made
}

/// Merges into a file without a name first: what is compressed has to come in its order.
private func pack(
  _ merge: inout ImageMerge<ImageFile>, _ paths: [String], to output: String,
  _ order: ExecutableOrder, progress: (UInt64) -> Void
) throws(MergeFailure) -> MergedImage {
  let file: OutputFile
  do throws(Errno) { file = try OutputFile(path: output) } catch {
    throw .output(path: output, error)
  }
  let copy: FileDescriptor
  do throws(Errno) { copy = FileDescriptor(adopting: try temporaryFile()) } catch {
    throw .output(path: output, error)
  }
  var sink = OutputSink(number: copy.number, start: 0)
  let files = ProgramFiles()
  do throws(MergeError) {
    try merge.write(to: &sink, files: files.read, progress: progress)
  } catch {
    throw MergeFailure(error, output, paths)
  }
  let byteCount: UInt64
  do throws(StreamFailure) {
    let target = try ExecutableSink(file.number, output, order)
    try pump(DescriptorSource(consume copy, output, patience: -1), to: target)
    byteCount = target.fileByteCount
  } catch {
    throw MergeFailure(error, output, order)
  }
  let made = MergedImage(
    path: file.path, byteCount: byteCount, imageCount: paths.count,
    fileDataByteCount: merge.fileDataByteCount)
  do throws(Errno) {
    try file.allowExecution()
    try OutputSink(number: file.number, start: 0).synchronize()
    try file.commit()
  } catch {
    throw .output(path: output, error)
  }
  return made
}

private func frame(
  _ order: ExecutableOrder?, around byteCount: UInt64, _ chain: FileChain
) throws(MergeFailure) -> ExecutableFrame? {
  guard let order, let newest = chain.images.heads.first else { return nil }
  let program: [UInt8]
  do throws(Errno) { program = try HostFiles.contents(of: order.program) } catch {
    throw .program(path: order.program, error)
  }
  guard
    let frame = ExecutableFrame(
      program: program, imageByteCount: byteCount, identity: newest.identity,
      startsInSavedDirectory: order.startsInSavedDirectory)
  else { throw .program(path: order.program, .noExec) }
  return frame
}

/// An image that others of the chain need must not be replaced; the newest may.
private func refuseNeeded(_ output: String, _ chain: FileChain) throws(MergeFailure) {
  guard let there = try? HostFiles.facts(of: output), there.kind == .regular else { return }
  for (index, file) in chain.files.enumerated().dropFirst()
  where file.device == there.device && file.inode == there.inode {
    throw .needed(path: output, child: chain.files[index - 1].path)
  }
}

extension MergeFailure {
  fileprivate init(_ error: StreamFailure, _ output: String, _ order: ExecutableOrder) {
    self =
      switch error {
      case .read(order.program, let error): .program(path: order.program, error)
      case .write(_, let error), .read(_, let error), .memory(let error):
        .output(path: output, error)
      default: .output(path: output, .inputOutput)
      }
  }

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

  /// Where the image starts in the file.
  let start: UInt64

  /// - Throws: `Errno`.
  mutating func write(_ bytes: [UInt8], at offset: UInt64) throws {
    try write(bytes, fileOffset: start + offset)
  }

  /// What is around the image.
  func put(_ frame: ExecutableFrame) throws(Errno) {
    try write(frame.head, fileOffset: 0)
    try write(frame.end, fileOffset: frame.executable.namesOffset)
  }

  private func write(_ bytes: [UInt8], fileOffset offset: UInt64) throws(Errno) {
    let number = number
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Files.write(
        number, from: address, byteCount: UInt64(bytes.count), at: offset)
    }
  }

  /// A device that knows no such thing needs none.
  ///
  /// Source: fsync(2).
  func synchronize() throws(Errno) {
    do throws(Errno) {
      try Files.synchronize(number)
    } catch {
      guard error == .invalid else { throw error }
    }
  }
}
