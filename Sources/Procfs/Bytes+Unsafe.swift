extension RawSpan {
  /// One byte, bounds checked.
  @inline(__always) func byte(at offset: Int) -> UInt8 {
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
  }
}

extension StaticString {
  /// - Precondition: `index` lies in `0..<utf8CodeUnitCount`.
  @inline(__always) func byte(at index: Int) -> UInt8 {
    precondition(index < utf8CodeUnitCount)
    return unsafe utf8Start[index]
  }
}
