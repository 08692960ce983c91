/// Where a stream comes from or goes to, as it is written on the command line.
public enum StreamPlace: Equatable, Sendable {
  /// `-`: standard input or output.
  case standard
  case file(String)

  /// `unix:PATH`.
  case unix(String)

  /// `tcp://HOST:PORT`; an empty host is this machine alone.
  case tcp(host: String, port: UInt16)

  /// `udp://HOST:PORT`, for links of one direction.
  case udp(host: String, port: UInt16)

  /// `nil` for an address that can't be.
  public init?(_ text: String) {
    if text == "-" {
      self = .standard
    } else if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty, path.utf8.count < Self.unixPathLimit else { return nil }
      self = .unix(path)
    } else if let scheme = text.range(of: "://") {
      guard let (host, port) = Self.endpoint(text[scheme.upperBound...]) else { return nil }
      switch text[..<scheme.lowerBound] {
      case "tcp": self = .tcp(host: host, port: port)
      case "udp": self = .udp(host: host, port: port)
      default: return nil
      }
    } else {
      guard !text.isEmpty else { return nil }
      self = .file(text)
    }
  }

  /// Bytes of `sun_path`, with its NUL.
  ///
  /// Source: unix(7).
  private static let unixPathLimit = 108

  /// `HOST:PORT` or `[IPV6]:PORT`.
  private static func endpoint(_ text: Substring) -> (String, UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      port > 0
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    guard !host.contains(where: { $0 == "/" || $0.isWhitespace }) else { return nil }
    return (String(host), port)
  }

  /// Whether others than this user may be at the other end.
  public var isNetwork: Bool {
    switch self {
    case .tcp, .udp: true
    case .standard, .file, .unix: false
    }
  }

  /// As it is written.
  public var text: String {
    switch self {
    case .standard: "-"
    case .file(let path): path
    case .unix(let path): "unix:\(path)"
    case .tcp(let host, let port): "tcp://\(Self.bracketed(host)):\(port)"
    case .udp(let host, let port): "udp://\(Self.bracketed(host)):\(port)"
    }
  }

  private static func bracketed(_ host: String) -> String {
    host.contains(":") ? "[\(host)]" : host
  }
}

extension String {
  /// The first place of another string in this one.
  fileprivate func range(of other: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(other) {
        return start..<index(start, offsetBy: other.count)
      }
      start = index(after: start)
    }
    return nil
  }
}
