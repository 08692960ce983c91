internal import Foundation

extension Errno: CustomStringConvertible {
  /// The kernel's words for it, as `strerror(3)` gives them, and the number.
  public var description: String { "\(message) (errno \(rawValue))" }

  /// Words only, in lower case: "no such file or directory".
  public var message: String {
    let text = POSIXErrorCode(rawValue: rawValue).map { POSIXError($0).localizedDescription }
    return (text ?? "unknown error").lowercased()
  }
}

extension Address: Hashable, CustomStringConvertible {
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
  public var description: String { "0x" + String(rawValue, radix: 16) }
}
