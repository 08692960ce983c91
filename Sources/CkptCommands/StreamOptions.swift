public import ArgumentParser
public import CheckpointKit

/// Keys and time-outs of everything that goes through a stream.
struct StreamOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Encrypt with, or open with, this key file.", valueName: "file"))
  var key: String?

  @Option(
    help: ArgumentHelp("A passphrase in place of a key: the file's first line.", valueName: "file"))
  var passphraseFile: String?

  @Option(help: ArgumentHelp("Likewise, from an open descriptor.", valueName: "number"))
  var passphraseFd: Int32?

  @Option(help: ArgumentHelp("Give up connecting after so long.", valueName: "time"))
  var connectTimeout: TimeInterval?

  @Option(help: ArgumentHelp("Give up when nothing moves for so long.", valueName: "time"))
  var idleTimeout: TimeInterval?

  func validate() throws {
    let count = [key != nil, passphraseFile != nil, passphraseFd != nil].filter(\.self).count
    guard count <= 1 else { throw ValidationError("one key is enough") }
  }

  var hasKey: Bool { key != nil || passphraseFile != nil || passphraseFd != nil }

  /// Restarting what a stranger sent is running the stranger's code.
  func check(from place: StreamPlace?) throws {
    guard place?.isNetwork == true, !hasKey else { return }
    throw ValidationError(
      "anybody could send a program to be run here: give the key that it has to come under, "
        + "--key FILE of `ckpt keygen -o FILE`")
  }

  func sealKey() throws(StreamFailure) -> SealKey? {
    if let key { return try .read(key) }
    if let passphraseFile { return try .passphrase(in: passphraseFile) }
    if let passphraseFd { return try .readLine(from: passphraseFd, "descriptor \(passphraseFd)") }
    return nil
  }

  var patience: StreamPatience {
    var patience = StreamPatience()
    if let connectTimeout { patience.connect = connectTimeout.milliseconds }
    if let idleTimeout { patience.idle = idleTimeout.milliseconds }
    return patience
  }

  /// The same for another command line.
  var words: [String] {
    var words: [String] = []
    if let key { words += ["--key", key] }
    if let passphraseFile { words += ["--passphrase-file", passphraseFile] }
    if let passphraseFd { words += ["--passphrase-fd", String(passphraseFd)] }
    if let idleTimeout { words += ["--idle-timeout", idleTimeout.text] }
    return words
  }

  func request(_ place: StreamPlace) throws(StreamFailure) -> StreamRequest {
    var request = StreamRequest(place: place)
    request.key = try sealKey()
    request.patience = patience
    return request
  }

  /// Says where senders may come, and who may.
  static func announce(_ place: StreamPlace) {
    switch place {
    case .unix(let path): writeError("waiting at \(path), which only this user can reach\n")
    case .tcp(let host, _), .udp(let host, _):
      let who =
        ["", "127.0.0.1", "::1", "localhost"].contains(host)
        ? "programs of this machine" : "everybody who can reach \(host)"
      writeError(
        "waiting at \(place.text), open to \(who); only what comes under the key is taken\n")
    case .standard, .file: break
    }
  }
}

extension StreamPlace: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension StreamPacking: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { self == .none ? "none" : "" }
}

extension StreamCipher: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String {
    self == .aes256GCM ? "aes-256-gcm" : "chacha20-poly1305"
  }
}
