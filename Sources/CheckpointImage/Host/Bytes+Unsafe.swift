/// The bytes of an integer or a record of `CImage`, which have no padding.
func rawBytes<T: BitwiseCopyable>(_ value: T) -> [UInt8] {
  unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

extension [UInt8] {
  /// Lends the bytes; the span can't outlive the call.
  func withRawSpan<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(unsafe span.bytes)
  }
}
