internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials
internal import Kernel
internal import KernelABI

/// Encrypts and opens chunks, each bound to its stream, its place and whether it is the last.
///
/// The buffers that it gives to the library are parts of blocks that live longer than the call.
@safe
struct ChunkCipher {
  private let key: SymmetricKey
  private let cipher: StreamCipher

  init(_ header: SealHeader, _ key: SealKey) throws(StreamFailure) {
    cipher = header.cipher
    let master: SymmetricKey
    switch (key, header.derivation) {
    case (.secret(let bytes), .keyFile): master = SymmetricKey(data: bytes)
    case (.passphrase(let bytes), .passphrase(let logCost)):
      do {
        master = try KDF.Scrypt.deriveKey(
          from: bytes, salt: header.salt, outputByteCount: 32, rounds: 1 << Int(logCost),
          blockSize: 8, parallelism: 1)
      } catch {
        throw .cipher
      }
    default: throw .wrongKey
    }
    self.key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: master, salt: header.identity, info: header.encoded, outputByteCount: 32)
  }

  /// The number of the chunk, and that it is the last: what a nonce must never say twice.
  private static func place(_ number: UInt64, _ isLast: Bool) -> [UInt8] {
    [isLast ? 1 : 0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  /// Puts `count` encrypted bytes and their tag at `output`.
  func seal(
    _ address: Address, _ count: Int, number: UInt64, isLast: Bool, to output: Address
  ) throws(StreamFailure) {
    let place = Self.place(number, isLast)
    let plain = unsafe UnsafeRawBufferPointer(
      start: UnsafeRawPointer(bitPattern: UInt(address.rawValue)), count: count)
    do {
      switch cipher {
      case .aes256GCM:
        let box = try unsafe AES.GCM.seal(
          plain, using: key, nonce: AES.GCM.Nonce(data: place), authenticating: place)
        Self.put(box.ciphertext, box.tag, to: output)
      case .chaCha20Poly1305:
        let box = try unsafe ChaChaPoly.seal(
          plain, using: key, nonce: ChaChaPoly.Nonce(data: place), authenticating: place)
        Self.put(box.ciphertext, box.tag, to: output)
      }
    } catch {
      throw .cipher
    }
  }

  private static func put(_ ciphertext: Data, _ tag: Data, to output: Address) {
    copy(ciphertext, to: output)
    copy(tag, to: output + UInt64(ciphertext.count))
  }

  private static func copy(_ data: Data, to output: Address) {
    unsafe data.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      Memory.copy(from: unsafe Address(start), to: output, byteCount: UInt64(bytes.count))
    }
  }

  /// Puts the bytes of a chunk at `output`.
  ///
  /// - Parameter count: with the tag.
  /// - Returns: false when it is not what was sealed, there.
  func open(
    _ address: Address, _ count: Int, number: UInt64, isLast: Bool, to output: Address
  ) -> Bool {
    guard count >= SealHeader.tagByteCount else { return false }
    let place = Self.place(number, isLast)
    let all = unsafe UnsafeRawBufferPointer(
      start: UnsafeRawPointer(bitPattern: UInt(address.rawValue)), count: count)
    let split = count - SealHeader.tagByteCount
    let text = unsafe UnsafeRawBufferPointer(rebasing: all[..<split])
    let tag = unsafe UnsafeRawBufferPointer(rebasing: all[split...])
    do {
      switch cipher {
      case .aes256GCM:
        let box = try unsafe AES.GCM.SealedBox(
          nonce: AES.GCM.Nonce(data: place), ciphertext: text, tag: tag)
        Self.copy(try AES.GCM.open(box, using: key, authenticating: place), to: output)
      case .chaCha20Poly1305:
        let box = try unsafe ChaChaPoly.SealedBox(
          nonce: ChaChaPoly.Nonce(data: place), ciphertext: text, tag: tag)
        Self.copy(try ChaChaPoly.open(box, using: key, authenticating: place), to: output)
      }
      return true
    } catch {
      return false
    }
  }
}
