extension Errno: CustomStringConvertible {
  /// The kernel's words for it, as `strerror(3)` gives them, and the number.
  public var description: String { "\(message) (errno \(rawValue))" }
}

extension Address: Hashable, CustomStringConvertible {
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
  public var description: String { "0x" + String(rawValue, radix: 16) }
}
