internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The compressed image of a snapshot executable: a child of this program unpacks it into a pipe, and
/// the restart goes on as from any other stream.
enum Unpacker {
  /// Whether a file is a snapshot executable with a compressed image, as far as it can be read.
  static func isNeeded(for path: ByteString) -> Bool {
    var prefix = InlineArray<512, UInt64>(repeating: 0)
    guard
      let file = try? FileDescriptor(path: path.address, .readOnly | .nonBlocking),
      (try? FileStatus(of: file.number))?.kind == .regular
    else { return false }
    let found = try? withAddress(of: &prefix) { (address) throws(Errno) -> Bool in
      let count = try file.readFully(to: address, byteCount: 4096, at: 0)
      let executable = try? Executable(prefix: Memory.bytes(at: address, count: Int(count)))
      return executable?.isPacked ?? false
    }
    return found ?? false
  }

  /// Checks what is around the image, and reads its head.
  ///
  /// - Parameters:
  ///   - name: for messages.
  ///   - map: which paths differ on this machine.
  static func open(
    _ path: ByteString, called name: ByteString, _ map: PathMap = PathMap()
  ) throws(RestartFailure) -> LoadedImage {
    var file = try UncheckedImage(opening: path, called: name)
    try file.findImage()
    guard let executable = file.executable else { throw damage(.badExecutable, name) }
    let stream = try start(
      ExecutableUnpacking(file: file.relinquish(), executable: executable, name: name))
    var image = try open(stream, map)
    image.executable = executable
    guard image.image.identity_low == executable.identityLow,
      image.image.identity_high == executable.identityHigh
    else { throw damage(.foreignImage, name) }
    return image
  }

  private static func open(
    _ stream: StreamInput, _ map: PathMap
  ) throws(RestartFailure) -> LoadedImage {
    do throws(RestartFailure) {
      return try openStream(stream, map)
    } catch {
      guard error.status == .badlyFed else { throw error }
      exitGroup(status: Feeder.conclude(stream.feeder))
    }
  }

  private static func start(_ unpacking: ExecutableUnpacking) throws(RestartFailure) -> StreamInput
  {
    let pipe = try during("cannot make a pipe") { () throws(Errno) in try Pipes.make() }
    let pid = try during("cannot start a process") { () throws(Errno) in try Process.fork() }
    if pid == 0 {
      closeDescriptor(pipe.reader)
      unpacking.run(to: pipe.writer)
    }
    closeDescriptor(pipe.writer)
    closeDescriptor(unpacking.file)
    return StreamInput(pipe.reader, patience: -1, feeder: pid)
  }

  static func damage(_ refusal: ImageError.Refusal, _ name: ByteString) -> RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart", why: refusal.reason, hint: "use another copy of it",
      name: name.address, nameByteCount: name.byteCount)
  }
}

/// What the child does.
struct ExecutableUnpacking: BitwiseCopyable {
  /// The snapshot executable, open for reading.
  let file: Int32
  let executable: Executable
  let name: ByteString

  /// Unpacks everything, or says why not.
  func run(to pipe: Int32) -> Never {
    do throws(RestartFailure) {
      try pour(to: pipe)
    } catch {
      error.report()
      exitGroup(status: error.status.rawValue)
    }
    exitGroup(status: 0)
  }

  private func pour(to pipe: Int32) throws(RestartFailure) {
    let size = UInt64(PackedChunk.byteLimit)
    let packed = try during("cannot get memory for the restart") { () throws(Errno) in
      try Mapping.map(byteCount: 2 * size, .read | .write, .private | .anonymous)
    }
    let output = packed + size
    var done: UInt64 = 0
    var made: UInt64 = 0
    while done < executable.imageByteCount {
      let chunk = try chunk(at: done, made: made, by: packed)
      done += UInt64(PackedChunk.recordByteCount)
      try read(UInt64(chunk.paddedByteCount), at: done, to: packed)
      do throws(ImageError) {
        try chunk.unpack(
          Memory.bytes(at: packed, count: chunk.paddedByteCount), to: output)
      } catch {
        throw Unpacker.damage(error.refusal, name)
      }
      done += UInt64(chunk.paddedByteCount)
      made += UInt64(chunk.byteCount)
      write(UInt64(chunk.byteCount), from: output, to: pipe)
    }
    guard made == executable.unpackedByteCount else { throw Unpacker.damage(.damagedPacking, name) }
  }

  private func chunk(
    at offset: UInt64, made: UInt64, by buffer: Address
  ) throws(RestartFailure) -> PackedChunk {
    let left = executable.imageByteCount - offset
    try read(min(left, UInt64(PackedChunk.recordByteCount)), at: offset, to: buffer)
    do throws(ImageError) {
      return try PackedChunk(
        record: Memory.bytes(at: buffer, count: PackedChunk.recordByteCount), left: left,
        unpackedLeft: executable.unpackedByteCount - made)
    } catch {
      throw Unpacker.damage(error.refusal, name)
    }
  }

  /// - Parameter offset: from the start of the image.
  private func read(
    _ byteCount: UInt64, at offset: UInt64, to address: Address
  ) throws(RestartFailure) {
    let file = FileDescriptor(adopting: self.file)
    let start = executable.imageOffset
    let count: UInt64
    do throws(Errno) {
      count = try file.readFully(to: address, byteCount: byteCount, at: start + offset)
    } catch {
      throw RestartFailure(
        .failed, "cannot read", errno: error, name: name.address, nameByteCount: name.byteCount)
    }
    _ = file.relinquish()
    guard count == byteCount else { throw Unpacker.damage(.truncated, name) }
  }

  /// Who reads has said what went wrong if it is gone.
  private func write(_ byteCount: UInt64, from address: Address, to pipe: Int32) {
    var done: UInt64 = 0
    while done < byteCount {
      do throws(Errno) {
        done += try Files.write(pipe, from: address + done, byteCount: byteCount - done)
      } catch {
        exitGroup(status: 1)
      }
    }
  }
}
