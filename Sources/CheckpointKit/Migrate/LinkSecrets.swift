internal import KernelABI

/// What only the two ends of one migration know; it goes through ssh, and serves once.
struct LinkSecrets: Equatable {
  /// Under which the image goes.
  var key: [UInt8]

  /// What a connection begins with: whoever is let in knows it.
  ///
  /// It opens nothing: it only keeps strangers from taking the place.
  var token: [UInt8]

  static let tokenByteCount = 32
  static let byteCount = SealKey.byteCount + tokenByteCount

  static func random() throws(Errno) -> LinkSecrets {
    LinkSecrets(
      key: try randomBytes(SealKey.byteCount), token: try randomBytes(tokenByteCount))
  }

  init(key: [UInt8], token: [UInt8]) {
    self.key = key
    self.token = token
  }

  /// - Parameter bytes: `byteCount` of them.
  init(_ bytes: [UInt8]) {
    self.init(
      key: Array(bytes.prefix(SealKey.byteCount)), token: Array(bytes.dropFirst(SealKey.byteCount)))
  }

  var bytes: [UInt8] { key + token }

  /// Takes as long whatever the difference.
  func admits(_ hello: [UInt8]) -> Bool {
    guard hello.count == token.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(hello, token) { difference |= one ^ other }
    return difference == 0
  }
}
