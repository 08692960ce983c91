internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Finds the image that another one refers to: beside it under the name that it had, else where it
/// was when the other one was written.
struct ParentLookup {
  let child: OpenedImage
  let parent: ckpt_parent

  /// - Throws: a failure that names the image that is missing, or that is another one.
  func open() throws(RestartFailure) -> OpenedImage {
    let beside = try path(isBeside: true)
    if Self.exists(beside) {
      let image = try OpenedImage(opening: beside)
      if isWanted(image) { return image }
      image.close()
      if let image = try elsewhere() { return image }
      throw failure(
        "cannot restart: this is another image than the one that is needed,", beside,
        why: "it was overwritten or swapped",
        hint: "put back the image that was there when the newest one was made")
    }
    if let image = try elsewhere() { return image }
    throw failure(
      "cannot restart: an image is missing,", beside,
      why: "the one given has only what changed since",
      hint: "put it back beside the others; `ckpt verify` follows the whole chain")
  }

  /// The image under its absolute path, if it is there and the right one.
  private func elsewhere() throws(RestartFailure) -> OpenedImage? {
    guard parent.path.byte_count > 0 else { return nil }
    let absolute = try path(isBeside: false)
    guard Self.exists(absolute) else { return nil }
    let image = try OpenedImage(opening: absolute)
    if isWanted(image) { return image }
    image.close()
    return nil
  }

  private func isWanted(_ image: OpenedImage) -> Bool {
    image.image.identity_low == parent.identity_low
      && image.image.identity_high == parent.identity_high
  }

  /// Whatever is there is opened, and its own failure told: only what isn't there is looked for
  /// elsewhere.
  private static func exists(_ path: ByteString) -> Bool {
    do throws(Errno) {
      try Files.checkAccess(path: path.address, .exists)
      return true
    } catch {
      return error != .noSuchFile && error != .notDirectory
    }
  }

  /// In a page of its own, that stays: it is the image's name in messages.
  private func path(isBeside: Bool) throws(RestartFailure) -> ByteString {
    do throws(Errno) {
      let page = try Mapping.map(
        byteCount: pageByteCount, .read | .write, .private | .anonymous)
      var count: UInt64 = 0
      if isBeside { count = Self.folderByteCount(child.source) }
      let text = isBeside ? parent.name : parent.path
      guard count + UInt64(text.byte_count) < pageByteCount else { throw .nameTooLong }
      if count > 0 { Memory.copy(from: child.source.name, to: page, byteCount: count) }
      Memory.copy(
        from: child.strings + UInt64(text.offset), to: page + count,
        byteCount: UInt64(text.byte_count))
      return ByteString(address: page, byteCount: Int(count) + Int(text.byte_count))
    } catch {
      throw failure(
        "cannot restart: an image is missing, the parent of",
        ByteString(address: child.source.name, byteCount: child.source.nameByteCount), error,
        why: "",
        hint: "")
    }
  }

  /// Up to and with the last slash.
  private static func folderByteCount(_ source: Source) -> UInt64 {
    let name = Memory.bytes(at: source.name, count: source.nameByteCount)
    var count = source.nameByteCount
    while count > 0, name.byte(at: count - 1) != UInt8(ascii: "/") { count -= 1 }
    return UInt64(count)
  }

  private func failure(
    _ what: StaticString, _ path: ByteString, _ errno: Errno = Errno.none, why: StaticString,
    hint: StaticString
  ) -> RestartFailure {
    RestartFailure(
      .damagedImage, what, errno: errno, why: why, hint: hint, name: path.address,
      nameByteCount: path.byteCount)
  }
}
