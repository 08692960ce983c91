/// Where the bytes of an image come from: a file, memory.
public protocol ImageSource: ~Copyable {
  /// Bytes of the whole image, `nil` when that shows only at the end.
  var byteCount: UInt64? { get }

  /// Up to `count` bytes from `offset` on; fewer only where the image ends.
  mutating func read(at offset: UInt64, count: Int) throws -> [UInt8]
}

extension ImageSource where Self: ~Copyable {
  /// Exactly `count` bytes from `offset` on.
  ///
  /// - Throws: `.truncated`, or what the source throws.
  mutating func readAll(at offset: UInt64, count: Int) throws -> [UInt8] {
    let bytes = try read(at: offset, count: count)
    guard bytes.count == count else {
      throw ImageError(.truncated, at: offset + UInt64(bytes.count), offset + UInt64(count))
    }
    return bytes
  }
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
