internal import Kernel
internal import KernelABI

/// What a stream is encrypted with.
public enum SealKey: Equatable, Sendable {
  /// 32 random bytes.
  case secret([UInt8])
  case passphrase([UInt8])

  /// What a key file begins with; 64 hexadecimal digits and a line's end follow.
  private static let label = "ckpt-key-1 "

  /// Bytes of a key.
  static let byteCount = 32

  /// Reads a key file.
  ///
  /// - Throws: `.keyExposed` for one that others may read.
  public static func read(_ path: String) throws(StreamFailure) -> SealKey {
    let bytes: [UInt8]
    let facts: FileFacts
    do throws(Errno) {
      let file = try HostFiles.open(path, .readOnly | .nonBlocking | .noControllingTerminal)
      facts = try HostFiles.facts(ofDescriptor: file.number)
      bytes = try HostFiles.contents(of: "/proc/self/fd/\(file.number)", limit: 4096)
    } catch {
      throw .key(path, error)
    }
    guard facts.mode & 0o077 == 0 else { throw .keyExposed(path, mode: facts.mode) }
    guard let key = SealKey(keyFile: bytes) else { throw .keyMalformed(path) }
    return key
  }

  init?(keyFile bytes: [UInt8]) {
    var text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix(Self.label) else { return nil }
    text.removeFirst(Self.label.count)
    if text.hasSuffix("\n") { text.removeLast() }
    let digits = text.compactMap(\.hexDigitValue)
    guard digits.count == text.count, digits.count == 2 * Self.byteCount else { return nil }
    self = .secret(
      (0..<Self.byteCount).map { UInt8(digits[2 * $0] * 16 + digits[2 * $0 + 1]) })
  }

  /// Makes a key file that only its owner can read; one that is there stays.
  public static func make(_ path: String) throws(StreamFailure) {
    do throws(Errno) {
      let digits = try randomBytes(byteCount).map {
        String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
      }
      let file = try HostFiles.open(
        path, .writeOnly | .create | .exclusive | .noFollow, mode: 0o600)
      let text = Array((label + digits.joined() + "\n").utf8)
      try withAddress(ofBytes: text) { address throws(Errno) in
        try file.writeFully(from: address, byteCount: UInt64(text.count))
      }
      try file.synchronize()
    } catch {
      throw .key(path, error)
    }
  }

  /// The first line of a descriptor, as a passphrase.
  public static func readLine(from number: Int32, _ name: String) throws(StreamFailure) -> SealKey {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try HostFiles.contents(of: "/proc/self/fd/\(number)", limit: 4096)
    } catch {
      throw .key(name, error)
    }
    let line = Array(bytes.prefix { $0 != 0x0A })
    guard !line.isEmpty else { throw .keyMalformed(name) }
    return .passphrase(line)
  }

  /// The first line of a file that others can't read.
  public static func passphrase(in path: String) throws(StreamFailure) -> SealKey {
    let file: Int32
    do throws(Errno) { file = try HostFiles.open(path, .readOnly).relinquish() } catch {
      throw .key(path, error)
    }
    defer { closeDescriptor(file) }
    let mode = (try? HostFiles.facts(ofDescriptor: file).mode) ?? 0o777
    guard mode & 0o077 == 0 else { throw .keyExposed(path, mode: mode) }
    return try readLine(from: file, path)
  }
}

/// Bytes from the kernel's generator.
///
/// Source: getrandom(2).
func randomBytes(_ count: Int) throws(Errno) -> [UInt8] {
  var result = [UInt8](repeating: 0, count: count)
  _ = try withAddress(ofMutableBytes: &result) { address throws(Errno) in
    try Random.fill(address, byteCount: count)
  }
  return result
}
