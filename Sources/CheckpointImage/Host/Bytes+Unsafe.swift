extension [UInt8] {
  /// Lends the bytes; the span can't outlive the call.
  func withRawSpan<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(unsafe span.bytes)
  }
}
