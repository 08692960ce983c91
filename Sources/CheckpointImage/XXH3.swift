/// XXH3, 64 bits, seed 0, default secret: the digest of the image format.
///
/// The same numbers as `xxhsum -H3`. Not a defence against an attacker; it finds damage.
/// Source: doc/xxhash_spec.md of https://github.com/Cyan4973/xxHash, "XXH3 Algorithm Overview".
public enum XXH3 {
  /// Stopped-world safe.
  public static func digest(_ bytes: RawSpan) -> UInt64 {
    switch bytes.byteCount {
    case 0: finalMix64(key(56) ^ key(64))
    case 1...3: upTo3(bytes)
    case 4...8: upTo8(bytes)
    case 9...16: upTo16(bytes)
    case 17...128: upTo128(bytes)
    case 129...240: upTo240(bytes)
    default: long(bytes)
    }
  }
}

// The multipliers, by the names that the specification gives them.
let prime32_1: UInt64 = 0x9E37_79B1
let prime32_2: UInt64 = 0x85EB_CA77
let prime32_3: UInt64 = 0xC2B2_AE3D
let prime64_1: UInt64 = 0x9E37_79B1_85EB_CA87
let prime64_2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
let prime64_3: UInt64 = 0x1656_67B1_9E37_79F9
let prime64_4: UInt64 = 0x85EB_CA77_C2B2_AE63
let prime64_5: UInt64 = 0x27D4_EB2F_1656_67C5
private let primeMX1: UInt64 = 0x1656_6791_9E37_79F9
private let primeMX2: UInt64 = 0x9FB2_1C65_1E98_DF25

extension XXH3 {
  private static func upTo3(_ bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    let first = UInt64(bytes.loadUnaligned(at: 0) as UInt8)
    let middle = UInt64(bytes.loadUnaligned(at: count >> 1) as UInt8)
    let last = UInt64(bytes.loadUnaligned(at: count - 1) as UInt8)
    let combined = first << 16 | middle << 24 | last | UInt64(count) << 8
    return finalMix64(combined ^ ((key(0) ^ (key(0) >> 32)) & 0xffff_ffff))
  }

  private static func upTo8(_ bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    let low = UInt64(bytes.loadUnaligned(at: count - 4) as UInt32)
    let high = UInt64(bytes.loadUnaligned(at: 0) as UInt32)
    var hash = (low &+ high << 32) ^ (key(8) ^ key(16))
    hash ^= rotated(hash, 49) ^ rotated(hash, 24)
    hash &*= primeMX2
    hash ^= (hash >> 35) &+ UInt64(count)
    hash &*= primeMX2
    return hash ^ (hash >> 28)
  }

  private static func upTo16(_ bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    let low = word(bytes, 0) ^ (key(24) ^ key(32))
    let high = word(bytes, count - 8) ^ (key(40) ^ key(48))
    return finalMix(UInt64(count) &+ low.byteSwapped &+ high &+ foldedProduct(low, high))
  }

  private static func upTo128(_ bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    var sum = UInt64(count) &* prime64_1
    var pair = (count - 1) / 32
    while pair >= 0 {
      sum &+= mixed16(bytes, pair * 16, keyAt: pair * 32)
      sum &+= mixed16(bytes, count - (pair + 1) * 16, keyAt: pair * 32 + 16)
      pair -= 1
    }
    return finalMix(sum)
  }

  private static func upTo240(_ bytes: RawSpan) -> UInt64 {
    let count = bytes.byteCount
    var sum = UInt64(count) &* prime64_1
    for round in 0..<8 { sum &+= mixed16(bytes, round * 16, keyAt: round * 16) }
    sum = finalMix(sum)
    for round in 8..<(count / 16) {
      sum &+= mixed16(bytes, round * 16, keyAt: (round - 8) * 16 + 3)
    }
    return finalMix(sum &+ mixed16(bytes, count - 16, keyAt: 136 - 17))
  }

  private static func mixed16(_ bytes: RawSpan, _ offset: Int, keyAt: Int) -> UInt64 {
    foldedProduct(word(bytes, offset) ^ key(keyAt), word(bytes, offset + 8) ^ key(keyAt + 8))
  }

  private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
    bytes.loadUnaligned(at: offset)
  }

  /// The 128-bit product, its halves combined by exclusive or.
  static func foldedProduct(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.low ^ product.high
  }

  static func finalMix(_ value: UInt64) -> UInt64 {
    var hash = value
    hash ^= hash >> 37
    hash &*= primeMX1
    return hash ^ (hash >> 32)
  }

  private static func finalMix64(_ value: UInt64) -> UInt64 {
    var hash = value
    hash ^= hash >> 33
    hash &*= prime64_2
    hash ^= hash >> 29
    hash &*= prime64_3
    return hash ^ (hash >> 32)
  }

  private static func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
    value << count | value >> (64 - count)
  }
}
