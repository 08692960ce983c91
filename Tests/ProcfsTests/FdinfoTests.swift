import Procfs
import Testing

/// Texts as Linux 6.18 gave them.
private enum Sample {
  static let eventfd = """
    pos:\t0
    flags:\t02000002
    mnt_id:\t17
    ino:\t1038
    eventfd-count:               1f
    eventfd-id: 1
    eventfd-semaphore: 1

    """
  static let timerfd = """
    pos:\t0
    flags:\t02
    clockid: 1
    ticks: 3
    settime flags: 01
    it_value: (2, 999967419)
    it_interval: (1, 500)

    """
  static let signalfd = "pos:\t0\nflags:\t02\nsigmask:\t0000000000000200\n"
  static let pidfd = "pos:\t0\nPid:\t-1\nNSpid:\t-1\n"
  static let epoll = """
    pos:\t0
    flags:\t02000002
    tfd:        6 events:       19 data:                6  pos:0 ino:99b0 sdev:f
    tfd:    70000 events: c0000005 data: ffff800012345678  pos:0 ino:3df9d sdev:fe00000

    """
  static let inotify = """
    ino:\t1038
    inotify wd:1 ino:3df9d sdev:fe00000 mask:100 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:9ddf030000000000
    inotify wd:1f ino:1 sdev:10 mask:fff ignored_mask:0

    """
  static let locks = """
    flags:\t02100002
    lock:\t1: FLOCK  ADVISORY  READ 17287 fe:00:16220742 0 EOF
    lock:\t2: POSIX  ADVISORY  WRITE 17287 fe:00:16220742 10 14
    lock:\t3: OFDLCK ADVISORY  WRITE -1 fe:00:16220742 100 EOF
    lock:\t4: LEASE  ACTIVE    READ 17287 fe:00:16220742 0 EOF

    """
  static let all = [eventfd, timerfd, signalfd, pidfd, epoll, inotify, locks]
}

private func withText<R>(_ text: String, _ body: (RawSpan) throws -> R) rethrows -> R {
  let bytes = Array(text.utf8)
  return try unsafe body(bytes.span.bytes)
}

private func reading<R>(
  _ text: String, _ next: (inout TextCursor) -> R?
) -> [R] {
  withText(text) { bytes in
    var cursor = TextCursor(bytes)
    var found: [R] = []
    while let one = next(&cursor) { found.append(one) }
    return found
  }
}

@Suite struct FdinfoTests {
  @Test func countersAreHexadecimal() {
    withText(Sample.eventfd) {
      #expect(Fdinfo($0).number("eventfd-count:", radix: 16) == 0x1F)
      #expect(Fdinfo($0).number("eventfd-semaphore:") == 1)
      #expect(Fdinfo($0).number("ticks:") == nil)
    }
  }

  @Test func timesAreSecondsAndNanoseconds() {
    withText(Sample.timerfd) {
      #expect(Fdinfo($0).number("clockid:") == 1)
      #expect(Fdinfo($0).number("ticks:") == 3)
      #expect(Fdinfo($0).number("settime flags:", radix: 8) == 1)
      #expect(Fdinfo($0).time("it_value:") == 2_999_967_419)
      #expect(Fdinfo($0).time("it_interval:") == 1_000_000_500)
    }
  }

  @Test func masksAndSigns() {
    withText(Sample.signalfd) { #expect(Fdinfo($0).number("sigmask:", radix: 16) == 0x200) }
    withText(Sample.pidfd) { #expect(Fdinfo($0).signedNumber("Pid:") == -1) }
  }

  @Test func epollEntries() {
    let entries = reading(Sample.epoll) { $0.nextEpollEntry() }
    #expect(entries.map(\.number) == [6, 70000])
    #expect(entries.map(\.events) == [0x19, 0xC000_0005])
    #expect(entries.map(\.data) == [6, 0xFFFF_8000_1234_5678])
    #expect(entries.map(\.inode) == [0x99B0, 0x3DF9D])
    #expect(entries.map(\.device) == [0xF, 0xFE00])
  }

  @Test func watches() {
    let watches = reading(Sample.inotify) { $0.nextWatch() }
    #expect(watches.map(\.identifier) == [1, 0x1F])
    #expect(watches.map(\.mask) == [0x100, 0xFFF])
    #expect(watches.map(\.device) == [0xFE00, 0x10])
  }

  @Test func locksOfEveryKind() {
    let locks = reading(Sample.locks) { $0.nextLock() }
    #expect(locks.map(\.kind) == [.flock, .posix, .description, .lease])
    #expect(locks.map(\.isExclusive) == [false, true, true, false])
    #expect(locks.map(\.start) == [0, 10, 100, 0])
    #expect(locks.map(\.byteCount) == [0, 5, 0, 0])
  }

  @Test(arguments: Sample.all)
  func everyPrefixEnds(text: String) {
    for count in 0...text.utf8.count {
      readAll(String(decoding: text.utf8.prefix(count), as: UTF8.self))
    }
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func survivesAnyBytes(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    var bytes = Array(Sample.all[Int(seed) % Sample.all.count].utf8)
    for _ in 0..<8 { bytes[Int(random() % UInt64(bytes.count))] = UInt8(random() & 0x7F) }
    readAll(String(decoding: bytes, as: UTF8.self))
  }

  private func readAll(_ text: String) {
    _ = reading(text) { $0.nextEpollEntry() }
    _ = reading(text) { $0.nextWatch() }
    _ = reading(text) { $0.nextLock() }
    withText(text) { _ = Fdinfo($0).time("it_value:") }
  }
}
