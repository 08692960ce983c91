internal import Kernel
internal import KernelABI

/// The sentences of the last failures, one for each thread that had one.
///
/// 64 threads have room; the one that failed longest ago gives up its place. Each place: the TID, a number that
/// grows, the errno, and the text with its NUL.
enum Sentences {
  private static let placeByteCount: UInt64 = 560
  private static let placeCount: UInt64 = 62
  private static let textOffset: UInt64 = 24

  /// Room for a text, with its NUL.
  static let textCapacity = placeByteCount - textOffset

  /// Where the handler and the clone leave their text, until the thread has taken it.
  static var callPlace: Address { place(placeCount) + textOffset }
  static var asynchronousPlace: Address { place(placeCount + 1) + textOffset }

  private static func place(_ index: UInt64) -> Address {
    Agent.sentenceTable + index * placeByteCount
  }

  /// Puts a text at a place, NUL-terminated.
  static func store(_ line: inout Line, at place: Address) {
    let count = min(UInt64(line.count), textCapacity - 1)
    _ = try? withText(&line) { Memory.copy(from: $0, to: place, byteCount: count) }
    Memory.store(UInt8(0), at: place + count)
  }

  private static func withText(
    _ line: inout Line, _ body: (Address) -> Void
  ) throws(Errno) {
    if line.count == Line.capacity { line.truncate(to: Line.capacity - 1) }
    try line.withPath { (address) throws(Errno) in body(address) }
  }

  // MARK: By thread

  /// Notes the calling thread's failure.
  ///
  /// - Returns: the value for the program.
  static func note(_ errno: Errno, _ line: inout Line) -> Int32 {
    store(&line, at: claim(errno) + textOffset)
    return -errno.rawValue
  }

  /// The same with a text from memory.
  static func note(_ errno: Errno, textAt text: Address) -> Int32 {
    Memory.copy(from: text, to: claim(errno) + textOffset, byteCount: textCapacity)
    return -errno.rawValue
  }

  static func note(_ errno: Errno, _ text: StaticString) -> Int32 {
    var line = Line(text)
    line.append(" (")
    line.append(errno)
    line.append(")")
    return note(errno, &line)
  }

  /// Where the sentence of the calling thread's last failure lies; with another error, a general one.
  static func text(of error: Int32) -> Address {
    let magnitude = error < 0 ? 0 &- error : error
    let thread = OwnThread.identifier
    for index in 0..<placeCount {
      let place = place(index)
      if Memory.load(Int32.self, at: place) == thread,
        Memory.load(Int32.self, at: place + 4) == magnitude
      {
        return place + textOffset
      }
    }
    return general(magnitude).address
  }

  private static func general(_ error: Int32) -> StaticString {
    switch error {
    case 0...3: "no error"
    case 35: "called from within another call of ckpt by the same thread (EDEADLK)"
    default: "no error of this thread's last call"
    }
  }

  /// The thread's place, or the one that was used longest ago.
  private static func claim(_ errno: Errno) -> Address {
    let thread = OwnThread.identifier
    return ShortLock.with(Agent.tables) {
      var best = place(0)
      var newest: UInt64 = 0
      for index in 0..<placeCount {
        let place = place(index)
        newest = max(newest, Memory.load(UInt64.self, at: place + 8))
        if Memory.load(Int32.self, at: best) == thread { continue }
        if Memory.load(Int32.self, at: place) == thread
          || Memory.load(UInt64.self, at: place + 8) < Memory.load(UInt64.self, at: best + 8)
        {
          best = place
        }
      }
      Memory.store(thread, at: best)
      Memory.store(errno.rawValue, at: best + 4)
      Memory.store(newest + 1, at: best + 8)
      return best
    }
  }
}
