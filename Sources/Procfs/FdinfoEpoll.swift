/// One line of an epoll descriptor's fdinfo.
///
/// Source: `fs/eventpoll.c`, ep_show_fdinfo.
public struct FdinfoEpollEntry: Equatable, Sendable, BitwiseCopyable {
  /// The number it was added as, which may be closed or another file's by now.
  public let number: Int32
  public let events: UInt32
  public let data: UInt64
  public let inode: UInt64

  /// The device of the inode, as stat(2) gives it.
  public let device: UInt64
}

extension TextCursor {
  /// The next entry; lines that are none are skipped.
  @_lifetime(self: copy self)
  public mutating func nextEpollEntry() -> FdinfoEpollEntry? {
    while skipToLine("tfd:") {
      if let entry = epollEntry() { return entry }
    }
    return nil
  }

  @_lifetime(self: copy self)
  private mutating func epollEntry() -> FdinfoEpollEntry? {
    guard let number = number(), let events = field("events:", radix: 16),
      let data = field("data:", radix: 16), field("pos:", radix: 10) != nil,
      let inode = field("ino:", radix: 16), let device = field("sdev:", radix: 16)
    else { return nil }
    return FdinfoEpollEntry(
      number: Int32(truncatingIfNeeded: number), events: UInt32(truncatingIfNeeded: events),
      data: data, inode: inode, device: statDevice(kernelDevice: device))
  }

  /// The number behind `key`, which comes next after blanks.
  @_lifetime(self: copy self)
  mutating func field(_ key: StaticString, radix: UInt64) -> UInt64? {
    skipBlanks()
    guard take(key) else { return nil }
    skipBlanks()
    return number(radix: radix)
  }
}

/// The device number that stat(2) gives for one that the kernel prints as it has it.
///
/// Source: `include/linux/kdev_t.h`, new_encode_dev.
func statDevice(kernelDevice: UInt64) -> UInt64 {
  let major = kernelDevice >> 20
  let minor = kernelDevice & 0xFFFFF
  return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12
}
