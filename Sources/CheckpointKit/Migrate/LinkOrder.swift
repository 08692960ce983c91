/// How a migrating program's image goes, and what of it stays here.
///
/// Whatever differs from the default has a `ckpt` at the other end of the connection.
public struct LinkOrder: Equatable, Sendable {
  /// Where a TCP connection goes to.
  public struct Endpoint: Equatable, Sendable {
    /// `nil`: the address at which ssh has come in over there.
    public var address: String?

    /// 0: any that is free there.
    public var port: UInt16

    public init(address: String?, port: UInt16) {
      self.address = address
      self.port = port
    }
  }

  /// A TCP connection, encrypted under a key that goes through ssh; `nil`: the image goes through ssh.
  public var tcp: Endpoint?
  public var packing = StreamPacking.none

  /// Whether the program's standard streams are those of this command, until it ends.
  public var isAttached = false

  /// The file of the program `ckpt`, for where it is not installed.
  public var program = ""

  public init() {}

  /// Whether there has to be a `ckpt` over there.
  public var needsHelper: Bool { tcp != nil || packing != .none || isAttached }

  var helper: String? { needsHelper ? program : nil }

  func scripted(_ program: [UInt8]?) -> RemoteScript.Helper? {
    program.map {
      RemoteScript.Helper(
        byteCount: UInt64($0.count), isAttached: isAttached,
        endpoint: tcp.map { RelayOrder.Endpoint(host: $0.address, port: $0.port) })
    }
  }

  /// The word that the process may run.
  var go: [UInt8] { needsHelper ? LinkFrame.go.framed() : Array("go\n".utf8) }
}
