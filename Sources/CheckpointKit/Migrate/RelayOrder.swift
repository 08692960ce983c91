/// What the `ckpt` over there is asked for: it unpacks an image for `restart`, and stays between.
public struct RelayOrder: Equatable, Sendable {
  /// Where it listens for the image.
  public struct Endpoint: Equatable, Sendable {
    /// Without one, the address at which ssh has come in.
    public var host: String?

    /// 0: any that is free.
    public var port: UInt16

    public init(host: String?, port: UInt16) {
      self.host = host
      self.port = port
    }
  }

  /// The program, by a path that can be run.
  public var restart: String
  public var ids = MigrationOrder.IDs.same

  /// Paths that differ here, as `restart --map` takes them.
  public var map: [String] = []

  /// Seconds without a byte.
  public var idle: UInt64 = 60

  /// Whether the program's standard streams are those of the command on the other side.
  public var isAttached = false

  /// `nil`: the image comes through ssh.
  public var endpoint: Endpoint?

  public init(restart: String) { self.restart = restart }

  /// Where the shell has put the connection from there, and the one to there.
  static let input: Int32 = 8
  static let output: Int32 = 7

  /// Changes when one `ckpt` no longer understands the other.
  public static let version = 1
}
