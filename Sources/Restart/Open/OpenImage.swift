internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// An image while it is being checked.
struct ImageFile: ~Copyable {
  private let file: FileDescriptor
  private let path: Text
  private let byteCount: UInt64
}

extension ImageFile {
  /// - Throws: a failure of its own for each thing that is no readable file.
  init(opening path: Text) throws(RestartFailure) {
    let file: FileDescriptor
    do throws(Errno) {
      // Non-blocking: a FIFO without a writer must not make us wait.
      file = try FileDescriptor(path: path.address, .readOnly | .nonBlocking)
    } catch {
      throw Self.openFailure(error, path)
    }
    let number = file.number
    let status = try during(
      "cannot read", name: path.address, nameByteCount: path.byteCount
    ) { () throws(Errno) in try FileStatus(of: number) }
    if let why = Self.objection(to: status) {
      throw Self.failure(
        "cannot restart", path, why: why, hint: Self.hint,
        status: status.kind == .regular ? .damagedImage : .failed)
    }
    self.init(file: file, path: path, byteCount: status.byteCount)
  }

  consuming func relinquish() -> Int32 { file.relinquish() }

  private static let hint: StaticString = "give the file that the checkpoint wrote, e.g. myckpt"

  /// Why a file of this kind can't be an image.
  private static func objection(to status: FileStatus) -> StaticString? {
    switch status.kind {
    case .regular: status.byteCount == 0 ? "the file is empty" : nil
    case .directory: "it is a directory"
    case .fifo: "it is a FIFO, and an image is read more than once"
    case .socket: "it is a socket"
    case .character, .block: "it is a device"
    case .other: "it is no regular file"
    }
  }

  private static func openFailure(_ errno: Errno, _ path: Text) -> RestartFailure {
    switch errno {
    case .noSuchFile: failure("cannot open", path, errno, why: "no such file", hint: hint)
    case .notDirectory:
      failure("cannot open", path, errno, why: "a part of its path is no directory", hint: hint)
    case .accessDenied:
      failure(
        "cannot open", path, errno, why: "permission denied",
        hint: "images are readable by their owner only, or look at the directories above",
        status: .permission)
    case .nameTooLong: failure("cannot open", path, errno, why: "the name is too long", hint: hint)
    case Errno(rawValue: 6):  // ENXIO
      failure("cannot restart", path, why: "it is a socket or a device", hint: hint)
    default: failure("cannot open", path, errno, why: "", hint: "")
    }
  }

  private static func failure(
    _ what: StaticString, _ path: Text, _ errno: Errno = Errno(rawValue: 0), why: StaticString,
    hint: StaticString, status: RestartFailure.Status = .failed
  ) -> RestartFailure {
    RestartFailure(
      status, what, errno: errno, why: why, hint: hint, name: path.address,
      nameByteCount: path.byteCount)
  }

  private func damage(_ error: ImageError) -> RestartFailure {
    let isNoImage =
      error.refusal == .notElf || error.refusal == .foreignElf || error.refusal == .notACheckpoint
    return Self.failure(
      "cannot restart", path, why: error.reason,
      hint: isNoImage ? Self.hint : "`ckpt verify` tells more; take an earlier checkpoint",
      status: .damagedImage)
  }

  /// Reads `byteCount` bytes from `offset` on into fresh memory, and zeros where the file ends.
  private func read(_ byteCount: UInt64, at offset: UInt64) throws(RestartFailure) -> AddressRange {
    let size = roundedUpToPage(byteCount)
    return try during("cannot read", name: path.address, nameByteCount: path.byteCount) {
      () throws(Errno) in
      let start = try Mapping.map(byteCount: size, .read | .write, .private | .anonymous)
      guard let range = AddressRange(start: start, byteCount: size) else { throw .outOfMemory }
      _ = try file.readFully(to: start, byteCount: byteCount, at: offset)
      return range
    }
  }

  func readHead() throws(RestartFailure) -> AddressRange {
    let prefix = try read(pageByteCount, at: 0)
    defer { try? Mapping.unmap(prefix) }
    let count: UInt64
    do throws(ImageError) {
      count = try ImageIndex.headByteCount(
        prefix: Memory.bytes(at: prefix.start, count: Int(min(byteCount, pageByteCount))))
      guard count <= byteCount else { throw ImageError(.truncated, at: byteCount, count) }
    } catch {
      throw damage(error)
    }
    return try read(count, at: 0)
  }

  func index(of head: AddressRange) throws(RestartFailure) -> ImageIndex {
    do throws(ImageError) {
      return try ImageIndex(
        head: Memory.bytes(at: head.start, count: Int(head.byteCount)), fileByteCount: byteCount)
    } catch {
      throw damage(error)
    }
  }

  /// Reads the digests of the blocks of digests and checks them, and the head with them.
  ///
  /// The digests themselves are checked when they are needed. The file's size was checked with the
  /// head.
  ///
  /// - Returns: where they lie.
  func readDigests(of index: ImageIndex, head: AddressRange) throws(RestartFailure) -> Address {
    let end = index.end
    let table = try read(end.tableByteCount, at: end.digestsOffset)
    do throws(ImageError) {
      _ = try ImageDigests(
        table: Memory.bytes(at: table.start, count: Int(end.tableByteCount)),
        head: Memory.bytes(at: head.start, count: Int(head.byteCount)), index: index)
    } catch {
      throw damage(error)
    }
    return table.start + ImageEnd.digestHeaderByteCount
  }

  /// Checks what follows the digests: no byte of an image is covered by nothing.
  func checkEnd(of index: ImageIndex, head: AddressRange) throws(RestartFailure) {
    let byteCount = index.end.fileByteCount - index.end.namesOffset
    let end = try read(byteCount, at: index.end.namesOffset)
    defer { try? Mapping.unmap(end) }
    let segments = index.segmentCount(Memory.bytes(at: head.start, count: Int(head.byteCount)))
    do throws(ImageError) {
      try index.end.check(
        Memory.bytes(at: end.start, count: Int(byteCount)), segmentCount: segments)
    } catch {
      throw damage(error)
    }
  }
}
