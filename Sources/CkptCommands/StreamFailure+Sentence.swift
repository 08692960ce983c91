internal import CheckpointKit
internal import KernelABI

extension StreamFailure {
  /// - Parameter what: what can't be done because of it.
  func failure(_ what: String) -> CommandFailure {
    CommandFailure("\(what): \(why)", status: status, hints: hint.map { [$0] } ?? [])
  }

  private var why: String {
    switch self {
    case .unknownHost(let host): "\(host) has no address"
    case .connect(let place, let errno): "\(place) can't be connected to: \(errno.words)"
    case .listen(let place, let errno): "nobody can be waited for at \(place): \(errno.words)"
    case .read(let name, let errno): "\(name) can't be read: \(errno.words)"
    case .write(let name, let errno): "\(name) can't be written: \(errno.words)"
    case .stalled(let name, let milliseconds):
      "nothing moved at \(name) for \(durationText(UInt64(milliseconds) * 1_000_000)) (ETIMEDOUT)"
    case .memory(let errno): "no memory for its buffers: \(errno.words)"
    case .endedEarly(let format): "the \(format.rawValue) stream ends too early"
    case .damaged(let format):
      "the \(format.rawValue) stream is damaged, or asks for more memory than it should"
    case .trailing(let format): "something else follows the \(format.rawValue) stream"
    case .notEncrypted: "it is not encrypted, and a key was given"
    case .noKey: "it is encrypted"
    case .wrongKey: "it was encrypted with another key, or is damaged in its first part"
    case .tampered(let chunk):
      "it was changed or cut off: part \(chunk + 1) is not what was encrypted there"
    case .unsupportedSeal: "it is encrypted in a way that this ckpt doesn't know"
    case .cipher: "it can't be encrypted"
    case .key(let path, let errno): "\(path): \(errno.words)"
    case .keyExposed(let path, let mode):
      "the key \(path) can be read by others (mode \(String(mode & 0o777, radix: 8)))"
    case .keyMalformed(let path): "\(path) is no key"
    case .gap(let missing): "datagram \(missing) is missing"
    }
  }

  private var status: Status {
    switch self {
    case .endedEarly, .damaged, .trailing, .notEncrypted, .wrongKey, .tampered, .unsupportedSeal,
      .gap:
      .damagedImage
    case .noKey: .usage
    case .keyExposed: .permission
    case .connect(_, let errno), .listen(_, let errno), .read(_, let errno), .write(_, let errno),
      .key(_, let errno), .memory(let errno):
      errno.status
    case .unknownHost, .stalled, .cipher, .keyMalformed: .failed
    }
  }

  private var hint: String? {
    switch self {
    case .noKey: "give --key FILE or --passphrase-file FILE"
    case .notEncrypted: "only what its sender encrypted with the same key is taken"
    case .keyExposed(let path, _): "chmod 600 \(path); if others have read it, make another one"
    case .keyMalformed: "ckpt keygen -o FILE makes one"
    case .endedEarly, .damaged, .tampered: "send it again"
    case .gap: "a higher --repeat of the sender gets over more losses"
    case .stalled: "--idle-timeout gives more patience"
    case .connect(_, .connectionRefused): "is the receiver waiting there?"
    case .key(_, .exists): "name another file: a key that is there stays"
    default: nil
    }
  }
}
