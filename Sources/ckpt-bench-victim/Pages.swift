internal import Kernel
internal import KernelABI

/// The victim's memory, a page at a time.
struct Pages {
  let memory: AddressRange

  var count: UInt64 { memory.byteCount / pageByteCount }

  @inline(__always)
  func write(_ word: UInt64, page: UInt64) {
    Memory.store(word, at: memory.start + page * pageByteCount)
  }

  /// Writes a word into pages chosen by chance, in address order.
  ///
  /// - Parameter share: parts of a million.
  /// - Returns: how many.
  func dirty(share: UInt64, seed: UInt64) -> UInt64 {
    var numbers = Xorshift(seed: seed)
    var written: UInt64 = 0
    for page in 0..<count {
      let number = numbers.next()
      guard (number >> 32) % 1_000_000 < share else { continue }
      write(number, page: page)
      written += 1
    }
    return written
  }

  /// Reads a word of every page.
  ///
  /// - Returns: their sum, so that nobody finds the reading useless.
  func readAll() -> UInt64 {
    var sum: UInt64 = 0
    for page in 0..<count {
      sum &+= Memory.load(UInt64.self, at: memory.start + page * pageByteCount)
    }
    return sum
  }
}
