/// The calls that a thread is in, innermost first.
public struct Backtrace: Codable, Equatable, Sendable {
  public var tid: Int32
  public var frames: [Frame]

  public struct Frame: Codable, Equatable, Sendable {
    public var address: UInt64

    /// As the symbol table spells it.
    public var function: String?

    /// Bytes from the start of the function.
    public var offset: UInt64?

    /// The file that the code is from.
    public var module: String?
  }
}
