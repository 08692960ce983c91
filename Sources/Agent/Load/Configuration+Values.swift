internal import Kernel
internal import Procfs

/// The variables' values, one by one: what can't be used is reported and its default stays.
extension Configuration {
  mutating func parseFile(_ cursor: inout TextCursor) {
    var count = 0
    while let byte = cursor.current, byte != 0 {
      guard count < Self.fileCapacity else {
        fileByteCount = 0
        return Self.complain("CKPT_FILE is longer than 1024 bytes: myckpt is used")
      }
      file[count] = byte
      count += 1
      cursor.skip()
    }
    fileByteCount = count
  }

  mutating func parseTrace(_ cursor: inout TextCursor) {
    var count = 0
    while let byte = cursor.current, byte != 0 {
      guard count + 1 < Self.fileCapacity else {
        traceByteCount = 0
        return Self.complain("CKPT_TRACE is longer than 1023 bytes: there is no trace")
      }
      traceFile[count] = byte
      count += 1
      cursor.skip()
    }
    traceByteCount = count
  }

  mutating func parseSignal(_ cursor: inout TextCursor) {
    _ = cursor.take("SIG")
    var wanted: UInt64?
    if cursor.take("USR1") {
      wanted = 10
    } else if cursor.take("USR2") {
      wanted = 12
    } else {
      wanted = cursor.number()
    }
    guard let number = wanted, Self.isAtEnd(cursor), Self.isUsable(number) else {
      return Self.complain("CKPT_SIGNAL is not a signal that can be used: USR2 is used")
    }
    signal = Int32(number)
  }

  mutating func parseTimeout(_ cursor: inout TextCursor) {
    guard let seconds = Self.number(&cursor, in: 1...3600) else {
      return Self.complain("CKPT_TIMEOUT is not 1...3600 seconds: 10 is used")
    }
    timeoutSeconds = seconds
  }

  mutating func parseSeriesVariable(_ cursor: inout TextCursor) {
    if cursor.take("SYNC=") {
      parseSync(&cursor)
    } else if cursor.take("INCREMENTAL=") {
      parseIncremental(&cursor)
    } else if cursor.take("FULL_EVERY=") {
      guard let count = Self.number(&cursor, in: 1...4096) else {
        return Self.complain("CKPT_FULL_EVERY is not 1...4096: 16 is used")
      }
      fullEvery = count
    } else if cursor.take("PRECOPY=") {
      guard let isOn = Self.flag(&cursor) else {
        return Self.complain("CKPT_PRECOPY is neither 0 nor 1: 0 is used")
      }
      precopies = isOn
    } else if cursor.take("THIN=") {
      guard let isOn = Self.flag(&cursor) else {
        return Self.complain("CKPT_THIN is neither 0 nor 1: 0 is used")
      }
      isThin = isOn
    } else if cursor.take("INTERVAL=") {
      parseInterval(&cursor)
    } else if cursor.take("KEEP=") {
      guard let count = Self.number(&cursor, in: 0...UInt64(UInt32.max)) else {
        return Self.complain("CKPT_KEEP is not a number of images: all are kept")
      }
      keep = count
    }
  }

  private mutating func parseSync(_ cursor: inout TextCursor) {
    guard let isOn = Self.flag(&cursor) else {
      return Self.complain("CKPT_SYNC is neither 0 nor 1: as memory allows")
    }
    writing = isOn ? .inPlace : .byClone
  }

  private mutating func parseIncremental(_ cursor: inout TextCursor) {
    if cursor.take("digests"), Self.isAtEnd(cursor) {
      tracking = .digests
    } else if let isOn = Self.flag(&cursor) {
      tracking = isOn ? .writes : .none
    } else {
      Self.complain("CKPT_INCREMENTAL is not 0, 1 or digests: every image is full")
    }
  }

  private mutating func parseInterval(_ cursor: inout TextCursor) {
    guard let nanoseconds = Duration.parse(&cursor), Self.isAtEnd(cursor) else {
      return Self.complain(
        "CKPT_INTERVAL is not a time like 90, 30s, 10m or 2h: no periodic checkpoints")
    }
    interval = nanoseconds
  }

  // MARK: Parts of values

  /// A decimal number that is the whole value, `nil`: it isn't one, or out of range.
  private static func number(
    _ cursor: inout TextCursor, in range: ClosedRange<UInt64>
  ) -> UInt32? {
    let start = cursor.offset
    // Twenty digits wrap.
    guard let value = cursor.number(), cursor.offset - start < 20, isAtEnd(cursor),
      range.contains(value)
    else { return nil }
    return UInt32(value)
  }

  private static func flag(_ cursor: inout TextCursor) -> Bool? {
    number(&cursor, in: 0...1).map { $0 == 1 }
  }

  /// Not KILL or STOP, which can't be caught, nor the ones that a fault raises.
  private static func isUsable(_ number: UInt64) -> Bool {
    switch number {
    case 4, 5, 7, 8, 9, 11, 19, 31: false
    default: (1...64).contains(number)
    }
  }

  private static func isAtEnd(_ cursor: borrowing TextCursor) -> Bool {
    (cursor.current ?? 0) == 0
  }

  private static func complain(_ text: StaticString) {
    var line = Line("ckpt: ")
    line.append(text)
    line.append("\n")
    line.write(to: 2)
  }
}
