/// Where the bytes of an image come from: a file, memory.
public protocol ImageSource: ~Copyable {
  /// Bytes of the whole image, `nil` when that shows only at the end.
  var byteCount: UInt64? { get }

  /// Up to `count` bytes from `offset` on; fewer only where the image ends.
  mutating func read(at offset: UInt64, count: Int) throws -> [UInt8]
}

/// An image in memory.
public struct MemorySource: ImageSource, Sendable {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var byteCount: UInt64? { UInt64(bytes.count) }

  public func read(at offset: UInt64, count: Int) -> [UInt8] {
    guard offset < UInt64(bytes.count) else { return [] }
    let start = Int(offset)
    return Array(bytes[start..<(start + min(count, bytes.count - start))])
  }
}
