internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// An image while it is being checked.
struct UncheckedImage: ~Copyable {
  private let file: FileDescriptor
  private let path: ByteString

  /// Bytes of the whole file.
  private let fileByteCount: UInt64

  /// Where the image starts in the file, and its bytes.
  private(set) var start: UInt64 = 0
  private var byteCount: UInt64

  /// What the file is besides an image; `nil`: nothing.
  private(set) var executable: Executable?
}

extension UncheckedImage {
  /// - Throws: a failure of its own for each thing that is no readable file.
  init(opening path: ByteString, called name: ByteString) throws(RestartFailure) {
    let file: FileDescriptor
    do throws(Errno) {
      // Non-blocking: a FIFO without a writer must not make us wait.
      file = try FileDescriptor(path: path.address, .readOnly | .nonBlocking)
    } catch {
      throw Self.openFailure(error, name)
    }
    let number = file.number
    let status = try during(
      "cannot read", name: name.address, nameByteCount: name.byteCount
    ) { () throws(Errno) in try FileStatus(of: number) }
    if let why = Self.objection(to: status) {
      throw Self.failure(
        "cannot restart", name, why: why, hint: Self.hint,
        status: status.kind == .regular ? .damagedImage : .failed)
    }
    self.init(
      file: file, path: name, fileByteCount: status.byteCount, byteCount: status.byteCount)
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
    case .link, .other: "it is no regular file"
    }
  }

  private static func openFailure(_ errno: Errno, _ path: ByteString) -> RestartFailure {
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
    case .noSuchDevice:
      failure("cannot restart", path, why: "it is a socket or a device", hint: hint)
    default: failure("cannot open", path, errno, why: "", hint: "")
    }
  }

  private static func failure(
    _ what: StaticString, _ path: ByteString, _ errno: Errno = Errno.none, why: StaticString,
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

  /// Finds the image in a snapshot executable, and checks all that is around it.
  mutating func findImage() throws(RestartFailure) {
    let prefix = try read(pageByteCount, at: 0)
    defer { try? Mapping.unmap(prefix) }
    let found: Executable?
    do throws(ImageError) {
      found = try Executable(
        prefix: Memory.bytes(at: prefix.start, count: Int(min(fileByteCount, pageByteCount))))
      guard let found else { return }
      let (needed, actual) = (found.fileByteCount, fileByteCount)
      guard actual >= needed else { throw ImageError(.truncated, at: actual, needed) }
      guard actual == needed else { throw ImageError(.wrongFileSize, at: needed, actual) }
    } catch {
      throw damage(error)
    }
    guard let found else { return }
    try check(found)
    (start, byteCount, executable) = (found.imageOffset, found.imageByteCount, found)
  }

  private func check(_ executable: Executable) throws(RestartFailure) {
    let head = try read(executable.imageOffset, at: 0)
    defer { try? Mapping.unmap(head) }
    let pages = try read(executable.pagesByteCount, at: executable.pagesOffset)
    defer { try? Mapping.unmap(pages) }
    let endByteCount = fileByteCount - executable.namesOffset
    let end = try read(endByteCount, at: executable.namesOffset)
    defer { try? Mapping.unmap(end) }
    do throws(ImageError) {
      try executable.check(
        head: Memory.bytes(at: head.start, count: Int(executable.imageOffset)))
      try executable.check(
        pages: Memory.bytes(at: pages.start, count: Int(executable.pagesByteCount)))
      try executable.check(end: Memory.bytes(at: end.start, count: Int(endByteCount)))
    } catch {
      throw damage(error)
    }
  }

  /// Reads `byteCount` bytes from `offset` on into fresh memory, and zeros where the file ends.
  ///
  /// - Parameter offset: from the start of the image, once that is known.
  private func read(_ byteCount: UInt64, at offset: UInt64) throws(RestartFailure) -> AddressRange {
    let size = max(pageByteCount, roundedUpToPage(byteCount))
    return try during("cannot read", name: path.address, nameByteCount: path.byteCount) {
      () throws(Errno) in
      let place = try Mapping.map(byteCount: size, .read | .write, .private | .anonymous)
      guard let range = AddressRange(start: place, byteCount: size) else { throw .outOfMemory }
      _ = try file.readFully(to: place, byteCount: byteCount, at: start + offset)
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
      let index = try ImageIndex(
        head: Memory.bytes(at: head.start, count: Int(head.byteCount)), fileByteCount: byteCount)
      try checkIdentity(of: index, head: head)
      return index
    } catch {
      throw damage(error)
    }
  }

  /// A snapshot executable has the image that it says.
  private func checkIdentity(of index: ImageIndex, head: AddressRange) throws(ImageError) {
    guard let executable else { return }
    let image = Memory.load(ckpt_image.self, at: head.start + UInt64(index.image.offset))
    guard image.identity_low == executable.identityLow,
      image.identity_high == executable.identityHigh, index.parent == .absent
    else { throw ImageError(.foreignImage, at: start, image.identity_low) }
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
