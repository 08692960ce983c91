internal import CKernel
internal import Kernel

/// The processor's own counter: some 20 ns to read, and no system call that a signal could cut.
struct TimeStamps {
  /// Counts per millisecond.
  private let rate: UInt64

  /// Measures the rate for 20 ms.
  init() {
    let start = (Clock.monotonic, ckernel_timestamp())
    var end = start
    while end.0 - start.0 < 20_000_000 { end = (Clock.monotonic, ckernel_timestamp()) }
    rate = (end.1 - start.1) * 1_000_000 / (end.0 - start.0)
  }

  @inline(__always)
  static var now: UInt64 { ckernel_timestamp() }

  /// In 128 bits: a program may come back after days.
  func nanoseconds(_ counts: UInt64) -> UInt64 {
    let product = counts.multipliedFullWidth(by: 1_000_000)
    return rate > product.high ? rate.dividingFullWidth(product).quotient : .max
  }

  func counts(nanoseconds: UInt64) -> UInt64 { nanoseconds * rate / 1_000_000 }
}
