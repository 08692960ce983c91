/// Which image this is: random, and in its file only.
public struct ImageIdentity: Hashable, Sendable, CustomStringConvertible {
  public let low: UInt64
  public let high: UInt64

  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// 32 hexadecimal digits.
  public var description: String {
    [high, low].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

/// What an image says of the image that it is a change to.
public struct ImageParent: Equatable, Sendable {
  public let identity: ImageIdentity

  /// Of its file, looked for beside the image first.
  public let name: String

  /// Where it was when the image was written.
  public let path: String?

  /// From 1, the parent stands alone, to 4096.
  public let depth: UInt32
}
