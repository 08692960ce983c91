/// Marsaglia's generator: fast, and the same numbers for the same seed.
struct Xorshift {
  private var word: UInt64

  init(seed: UInt64) { word = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  @inline(__always)
  mutating func next() -> UInt64 {
    word ^= word << 13
    word ^= word >> 7
    word ^= word << 17
    return word
  }
}
