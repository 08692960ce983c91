internal import CKernel

/// How far ahead of its use memory is asked for, in bytes.
///
/// Half a page: the processor does not look beyond the page it is in, and most digests are of one. Memory
/// that is in no cache is digested nearly twice as fast (14 and 27 GB/s, page by page).
private let prefetchDistance = 2048

/// The default secret of the specification, 192 bytes.
private let secret: InlineArray<192, UInt8> = [
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]

/// The eight running sums of the long form, two to a register: SSE2 is what every x86-64 has.
private struct Sums {
  var a = SIMD2(prime32_3, prime64_1)
  var b = SIMD2(prime64_2, prime64_3)
  var c = SIMD2(prime64_4, prime32_2)
  var d = SIMD2(prime64_5, prime32_1)
}

extension XXH3 {
  /// Eight bytes of the secret; any offset up to 184 is in bounds.
  static func key(_ offset: Int) -> UInt64 {
    unsafe secret.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// More than 240 bytes.
  static func long(_ bytes: RawSpan) -> UInt64 {
    unsafe bytes.withUnsafeBytes { input in
      // Not empty: what has no base lies at address 0.
      let start = unsafe unsafeBitCast(input.baseAddress, to: UnsafeRawPointer.self)
      return unsafe long(start, first: start, input.count)
    }
  }

  /// The digest of `bytes` as if they began with the 64 of `start`.
  ///
  /// - Precondition: `start` has 64 bytes; `bytes` has at least 64, and a multiple of 8.
  static func digest(_ start: RawSpan, then bytes: RawSpan) -> UInt64 {
    let byteCount = bytes.byteCount
    precondition(start.byteCount == 64 && byteCount >= 64 && byteCount % 8 == 0)
    if byteCount > 240 {
      return unsafe bytes.withUnsafeBytes { input in
        unsafe start.withUnsafeBytes { first in
          guard let input = input.baseAddress, let first = first.baseAddress else { return 0 }
          return unsafe long(input, first: first, byteCount)
        }
      }
    }
    var copy = InlineArray<30, UInt64>(repeating: 0)
    for index in 0..<(byteCount / 8) {
      copy[index] = (index < 8 ? start : bytes).loadUnaligned(at: index * 8)
    }
    return unsafe digest(copy.span.bytes.extracting(0..<byteCount))
  }

  private static func long(
    _ input: UnsafeRawPointer, first: UnsafeRawPointer, _ byteCount: Int
  ) -> UInt64 {
    unsafe secret.span.withUnsafeBytes { keys in
      guard let keys = keys.baseAddress else { return 0 }
      return unsafe long(input, first: first, byteCount, keys)
    }
  }

  /// Stripes of 64 bytes, 16 to a block; the last stripe ends where the input does.
  ///
  /// All loads lie in the first `byteCount` bytes of the input, or in the 64 of `first`, which
  /// stands for the first stripe; a prefetch may go beyond, and is no load.
  /// - Precondition: `input` has `byteCount` readable bytes, more than 240; `first` has 64 and
  ///   `keys` has 192.
  private static func long(
    _ input: UnsafeRawPointer, first: UnsafeRawPointer, _ byteCount: Int, _ keys: UnsafeRawPointer
  ) -> UInt64 {
    var sums = Sums()
    let stripes = (byteCount - 1) / 64
    unsafe accumulate(&sums, first, 1, keys)
    unsafe accumulate(&sums, input + 64, min(stripes, 16) - 1, keys + 8)
    var done = 16
    while done <= stripes {
      unsafe scramble(&sums, keys + 128)
      unsafe accumulate(&sums, input + done * 64, min(stripes - done, 16), keys)
      done += 16
    }
    unsafe accumulate(&sums, input + (byteCount - 64), 1, keys + 121)
    return unsafe merged(sums, keys + 11, UInt64(byteCount) &* prime64_1)
  }

  @inline(__always)
  private static func accumulate(
    _ sums: inout Sums, _ input: UnsafeRawPointer, _ stripeCount: Int, _ keys: UnsafeRawPointer
  ) {
    for stripe in 0..<stripeCount {
      let data = unsafe input + stripe * 64
      let key = unsafe keys + stripe * 8
      unsafe ckernel_prefetch(data + prefetchDistance)
      unsafe add(&sums.a, data, key)
      unsafe add(&sums.b, data + 16, key + 16)
      unsafe add(&sums.c, data + 32, key + 32)
      unsafe add(&sums.d, data + 48, key + 48)
    }
  }

  /// Adds 16 bytes: swapped as they are, and the product of their keyed halves.
  @inline(__always)
  private static func add(
    _ sum: inout SIMD2<UInt64>, _ data: UnsafeRawPointer, _ key: UnsafeRawPointer
  ) {
    let value = unsafe data.loadUnaligned(as: SIMD2<UInt64>.self)
    let keyed = unsafe value ^ key.loadUnaligned(as: SIMD2<UInt64>.self)
    sum &+= SIMD2(value.y, value.x)
    sum &+= (keyed & 0xffff_ffff) &* (keyed &>> 32)
  }

  @inline(__always)
  private static func scramble(_ sums: inout Sums, _ keys: UnsafeRawPointer) {
    unsafe scramble(&sums.a, keys)
    unsafe scramble(&sums.b, keys + 16)
    unsafe scramble(&sums.c, keys + 32)
    unsafe scramble(&sums.d, keys + 48)
  }

  @inline(__always)
  private static func scramble(_ sum: inout SIMD2<UInt64>, _ key: UnsafeRawPointer) {
    let shaken = unsafe sum ^ (sum &>> 47) ^ key.loadUnaligned(as: SIMD2<UInt64>.self)
    sum = (shaken & 0xffff_ffff) &* prime32_1 &+ ((shaken &>> 32) &* prime32_1) &<< 32
  }

  private static func merged(_ sums: Sums, _ keys: UnsafeRawPointer, _ start: UInt64) -> UInt64 {
    var hash = start
    unsafe hash &+= folded(sums.a, keys)
    unsafe hash &+= folded(sums.b, keys + 16)
    unsafe hash &+= folded(sums.c, keys + 32)
    unsafe hash &+= folded(sums.d, keys + 48)
    return finalMix(hash)
  }

  @inline(__always)
  private static func folded(_ sum: SIMD2<UInt64>, _ key: UnsafeRawPointer) -> UInt64 {
    let keyed = unsafe sum ^ key.loadUnaligned(as: SIMD2<UInt64>.self)
    return foldedProduct(keyed.x, keyed.y)
  }
}
