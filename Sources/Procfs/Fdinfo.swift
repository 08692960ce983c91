/// The text of /proc/PID/fdinfo/NUMBER that was already read.
///
/// Source: proc_pid_fdinfo(5); `fs/proc/fd.c` and the `show_fdinfo` of each kind.
public struct Fdinfo: ~Escapable {
  let bytes: RawSpan

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) { self.bytes = bytes }

  /// The number behind `key` at the start of a line, `nil` when there is no such line.
  public func number(_ key: StaticString, radix: UInt64 = 10) -> UInt64? {
    var cursor = TextCursor(bytes)
    guard cursor.skipToLine(key) else { return nil }
    return cursor.number(radix: radix)
  }

  /// Likewise, with a sign.
  public func signedNumber(_ key: StaticString) -> Int64? {
    var cursor = TextCursor(bytes)
    guard cursor.skipToLine(key) else { return nil }
    return cursor.signedNumber()
  }

  /// A time `(seconds, nanoseconds)` behind `key`, in ns.
  public func time(_ key: StaticString) -> UInt64? {
    var cursor = TextCursor(bytes)
    guard cursor.skipToLine(key), cursor.take("("), let seconds = cursor.number(),
      cursor.take(", "), let nanoseconds = cursor.number()
    else { return nil }
    return seconds &* 1_000_000_000 &+ nanoseconds
  }
}

extension TextCursor {
  /// Moves behind `key`, and the blanks that follow, in the next line that starts with it.
  ///
  /// - Returns: whether there is one; if not the cursor is at the end.
  @_lifetime(self: copy self)
  public mutating func skipToLine(_ key: StaticString) -> Bool {
    while !isAtEnd {
      if take(key) {
        skipBlanks()
        return true
      }
      skipLine()
    }
    return false
  }
}
