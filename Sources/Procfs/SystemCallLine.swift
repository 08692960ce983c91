/// What a thread is doing, as /proc/PID/task/TID/syscall tells it.
public struct SystemCallLine: Equatable, Sendable, BitwiseCopyable {
  /// The call it is blocked in, -1: blocked, but in none.
  public var number: Int64

  /// The six arguments, 0 when `number` is -1.
  public var arguments: InlineArray<6, UInt64>
  public var stackPointer: UInt64

  /// Where the thread will go on: behind the `syscall` instruction.
  public var programCounter: UInt64

  /// - Returns: `nil` when the thread runs, or the text is another.
  ///
  /// Source: proc_pid_syscall(5).
  public init?(_ bytes: RawSpan) {
    var cursor = TextCursor(bytes)
    guard let number = cursor.signedNumber() else { return nil }
    self.number = number
    arguments = InlineArray(repeating: 0)
    if number >= 0 {
      for index in 0..<6 {
        guard let value = Self.hexadecimal(&cursor) else { return nil }
        arguments[index] = value
      }
    }
    guard let stackPointer = Self.hexadecimal(&cursor),
      let programCounter = Self.hexadecimal(&cursor)
    else { return nil }
    self.stackPointer = stackPointer
    self.programCounter = programCounter
  }

  /// What somebody else read of the file; the arguments are not known.
  public init(number: Int64, stackPointer: UInt64, programCounter: UInt64) {
    self.number = number
    arguments = InlineArray(repeating: 0)
    self.stackPointer = stackPointer
    self.programCounter = programCounter
  }

  private static func hexadecimal(_ cursor: inout TextCursor) -> UInt64? {
    cursor.skipBlanks()
    guard cursor.take("0x") else { return nil }
    return cursor.number(radix: 16)
  }

  public static func == (lhs: Self, rhs: Self) -> Bool {
    for index in 0..<6 where lhs.arguments[index] != rhs.arguments[index] { return false }
    return lhs.number == rhs.number && lhs.stackPointer == rhs.stackPointer
      && lhs.programCounter == rhs.programCounter
  }
}
