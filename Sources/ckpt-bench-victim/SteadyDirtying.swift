internal import Kernel
internal import KernelABI

/// A program that writes to its memory all the time, at a given rate.
struct SteadyDirtying {
  /// Pages per second; 0: none.
  private var rate: UInt64 = 0

  /// Out of how many pages, spread evenly over all; 0: out of all.
  private var hotPages: UInt64 = 0
  private var countsPerSecond: UInt64 = 1
  private var start: UInt64 = 0
  private var written: UInt64 = 0
  private var numbers = Xorshift(seed: 1)

  init() {}

  init(rate: UInt64, hotPages: UInt64, countsPerSecond: UInt64) {
    self.rate = rate
    self.hotPages = hotPages
    self.countsPerSecond = countsPerSecond
    start = TimeStamps.now
  }

  /// Writes what is due at a moment.
  @inline(__always)
  mutating func step(at now: UInt64, _ pages: Pages) {
    guard rate > 0 else { return }
    let elapsed = now &- start
    if elapsed > countsPerSecond {
      start = start &+ countsPerSecond
      written = 0
      return
    }
    let due = elapsed * rate / countsPerSecond
    while written < due {
      write(pages)
      written += 1
    }
  }

  private mutating func write(_ pages: Pages) {
    let number = numbers.next()
    let count = pages.count
    guard count > 0 else { return }
    let page =
      hotPages > 0 ? (number >> 16) % hotPages * (count / hotPages) : (number >> 16) % count
    pages.write(number, page: page)
  }
}
