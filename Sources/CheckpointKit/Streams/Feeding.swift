public import CheckpointImage
internal import Kernel
internal import KernelABI

/// What is taken in: from where, and under which key.
public struct StreamRequest: Equatable, Sendable {
  public var place: StreamPlace
  public var key: SealKey?
  public var patience = StreamPatience()

  public init(place: StreamPlace) { self.place = place }
}

/// Writes the image that comes from somewhere to standard output, opened and unpacked.
///
/// The last bytes come only when all was found right: whoever reads them may rely on it.
public func feed(_ request: StreamRequest, isReady: () -> Void) throws(StreamFailure) {
  let source = try openedSource(
    request.place, key: request.key, request.patience, isReady: isReady)
  // Whoever brings the program back takes its time at the end.
  try pump(source, to: DescriptorSink(1, "the restart", patience: -1))
}

/// Stores an image that comes from somewhere, whole and checked, or not at all.
///
/// - Returns: its size in bytes.
public func receive(
  _ request: StreamRequest, as path: String, isReady: () -> Void, progress: (UInt64) -> Void
) throws(ReceiveFailure) -> UInt64 {
  let file: OutputFile
  do throws(Errno) { file = try OutputFile(path: path) } catch {
    throw .stream(.write(path, error))
  }
  var byteCount: UInt64 = 0
  do throws(StreamFailure) {
    let source = try openedSource(
      request.place, key: request.key, request.patience, isReady: isReady)
    try pump(source, to: DescriptorSink(file.number, path, patience: -1)) {
      byteCount = $0
      progress($0)
    }
  } catch {
    throw .stream(error)
  }
  let report: VerifyReport
  do throws(ImageFailure) {
    report = try ImageFile(path: "/proc/self/fd/\(file.number)").verify { _ in }
  } catch {
    throw .image(error)
  }
  guard report.isIntact else { throw .damaged(report) }
  do throws(Errno) {
    try file.descriptor.synchronize()
    try file.commit()
  } catch {
    throw .stream(.write(path, error))
  }
  return byteCount
}

/// Why nothing was stored.
public enum ReceiveFailure: Error, Sendable {
  case stream(StreamFailure)
  case image(ImageFailure)
  case damaged(VerifyReport)
}
