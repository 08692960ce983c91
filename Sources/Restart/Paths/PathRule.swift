internal import Kernel
internal import KernelABI

/// That what lies under one path lies under another one on this machine: `--map OLD=NEW`.
struct PathRule: BitwiseCopyable {
  /// Both absolute, without slashes at the end: the root is empty.
  private(set) var old = ByteString("")
  private(set) var new = ByteString("")

  /// No rule: nothing is to be found under it by `PathMap`.
  init() {}

  /// - Parameter word: `OLD=NEW`; the first `=` divides it.
  /// - Throws: a failure of status `.usage`.
  init(parsing word: ByteString) throws(RestartFailure) {
    guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else {
      throw Self.usage(word, why: "there is no =")
    }
    old = ByteString(address: word.address, byteCount: equals)
    new = word.dropping(equals + 1)
    guard !old.isEmpty else { throw Self.usage(word, why: "OLD is empty") }
    guard old.starts(with: "/") else { throw Self.usage(word, why: "OLD is relative") }
    guard !new.isEmpty else { throw Self.usage(word, why: "NEW is empty") }
    guard new.starts(with: "/") else { throw Self.usage(word, why: "NEW is relative") }
    old = old.withoutEndingSlashes
    new = new.withoutEndingSlashes
  }

  static func usage(_ word: ByteString, why: StaticString) -> RestartFailure {
    RestartFailure(
      .usage, "--map takes OLD=NEW, two absolute paths, not", why: why,
      hint: "--map /home/me/data=/srv/data, as often as there are paths that differ",
      name: word.address, nameByteCount: word.byteCount)
  }

  /// Whether a path is `old` or lies under it.
  ///
  /// - Parameter path: absolute, as the kernel writes it.
  func covers(_ path: ByteString) -> Bool {
    guard path.starts(with: "/") else { return false }
    let count = old.byteCount
    guard count <= path.byteCount, path.prefix(count) == old else { return false }
    return count == path.byteCount || path.byte(at: count) == UInt8(ascii: "/")
  }

  /// What is behind `old` in a path that it covers; with its slash.
  private func rest(of path: ByteString) -> ByteString {
    path == "/" ? ByteString("") : path.dropping(old.byteCount)
  }

  /// Bytes of the path that a covered one becomes.
  func byteCount(for path: ByteString) -> Int { max(new.byteCount + rest(of: path).byteCount, 1) }

  /// Writes that path, without a NUL.
  ///
  /// - Precondition: there is room for `byteCount(for: path)` bytes, none of them of `path`.
  func write(_ path: ByteString, to address: Address) {
    let rest = rest(of: path)
    Memory.store(UInt8(ascii: "/"), at: address)
    Memory.copy(from: new.address, to: address, byteCount: UInt64(new.byteCount))
    Memory.copy(
      from: rest.address, to: address + UInt64(new.byteCount), byteCount: UInt64(rest.byteCount))
  }
}

extension ByteString {
  func firstIndex(of byte: UInt8) -> Int? {
    for index in 0..<byteCount where self.byte(at: index) == byte { return index }
    return nil
  }

  func prefix(_ count: Int) -> ByteString {
    ByteString(address: address, byteCount: min(count, byteCount))
  }

  static func == (text: ByteString, other: ByteString) -> Bool {
    guard text.byteCount == other.byteCount else { return false }
    for index in 0..<text.byteCount where text.byte(at: index) != other.byte(at: index) {
      return false
    }
    return true
  }

  fileprivate var withoutEndingSlashes: ByteString {
    var count = byteCount
    while count > 0, byte(at: count - 1) == UInt8(ascii: "/") { count -= 1 }
    return prefix(count)
  }
}
