/// A watch of an inotify descriptor.
///
/// Source: `fs/notify/fdinfo.c`, inotify_fdinfo.
public struct FdinfoWatch: Equatable, Sendable, BitwiseCopyable {
  public let identifier: Int32
  public let inode: UInt64

  /// As stat(2) gives it.
  public let device: UInt64
  public let mask: UInt32
}

extension TextCursor {
  /// The next watch; lines that are none are skipped.
  @_lifetime(self: copy self)
  public mutating func nextWatch() -> FdinfoWatch? {
    while skipToLine("inotify wd:") {
      if let watch = watch() { return watch }
    }
    return nil
  }

  @_lifetime(self: copy self)
  private mutating func watch() -> FdinfoWatch? {
    guard let identifier = number(radix: 16), let inode = field("ino:", radix: 16),
      let device = field("sdev:", radix: 16), let mask = field("mask:", radix: 16)
    else { return nil }
    return FdinfoWatch(
      identifier: Int32(truncatingIfNeeded: identifier), inode: inode,
      device: statDevice(kernelDevice: device), mask: UInt32(truncatingIfNeeded: mask))
  }
}
