/// What an encrypted stream begins with: how it is encrypted, and what makes its key its own.
///
/// All of it goes into the derivation of the key: who changes a byte of it changes the key.
struct SealHeader: Equatable, Sendable {
  var cipher: StreamCipher
  var derivation: Derivation

  /// 16 random bytes: no two streams have one key.
  var identity: [UInt8]

  /// 16 random bytes for the derivation from a passphrase.
  var salt: [UInt8]

  enum Derivation: Equatable, Sendable {
    /// From the 32 bytes of a key file.
    case keyFile
    /// From a passphrase by scrypt, with a cost of 2 to this power.
    case passphrase(logCost: UInt8)
  }

  /// "CKPTSEAL".
  static let magic: [UInt8] = Array("CKPTSEAL".utf8)
  static let byteCount = 48
  private static let version: UInt8 = 1

  /// Two to this power: bytes of a chunk.
  private static let logChunk: UInt8 = 20
  static let chunkByteCount = 1 << 20
  static let tagByteCount = 16

  /// 2¹⁵ with blocks of 1 KiB: 32 MiB, and a tenth of a second.
  static let usualLogCost: UInt8 = 15

  init(
    cipher: StreamCipher, derivation: Derivation, identity: [UInt8], salt: [UInt8]
  ) {
    self.cipher = cipher
    self.derivation = derivation
    self.identity = identity
    self.salt = salt
  }

  var encoded: [UInt8] {
    let kind: [UInt8] =
      switch derivation {
      case .keyFile: [0, 0]
      case .passphrase(let logCost): [1, logCost]
      }
    return Self.magic + [Self.version, cipher.rawValue, Self.logChunk] + kind + [0, 0, 0]
      + identity + salt
  }

  /// - Throws: `.unsupportedSeal`; also for a cost that would take all the memory there is.
  init(_ bytes: [UInt8]) throws(StreamFailure) {
    guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic), bytes[8] == Self.version,
      let cipher = StreamCipher(rawValue: bytes[9]), bytes[10] == Self.logChunk,
      bytes[13..<16].allSatisfy({ $0 == 0 })
    else { throw .unsupportedSeal }
    switch (bytes[11], bytes[12]) {
    case (0, 0): derivation = .keyFile
    case (1, let logCost) where (10...20).contains(logCost):
      derivation = .passphrase(logCost: logCost)
    default: throw .unsupportedSeal
    }
    self.cipher = cipher
    identity = Array(bytes[16..<32])
    salt = Array(bytes[32..<48])
  }
}

/// How chunks are encrypted and authenticated; raw values are the header's.
public enum StreamCipher: UInt8, Equatable, Sendable {
  case aes256GCM = 1
  case chaCha20Poly1305 = 2

  /// As it is written on the command line.
  public init?(_ text: String) {
    switch text {
    case "aes-256-gcm": self = .aes256GCM
    case "chacha20-poly1305": self = .chaCha20Poly1305
    default: return nil
    }
  }
}
