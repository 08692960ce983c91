extension RawSpan {
  /// One byte, bounds checked.
  @inline(__always) public func byte(at offset: Int) -> UInt8 {
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
  }
}
