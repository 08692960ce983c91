/// How a stream is compressed.
public enum StreamPacking: Equatable, Sendable {
  case none
  case lz4
  case zstd(level: Int, threads: Int)
  case gzip(level: Int)

  /// `none`, `lz4`, `zstd[:LEVEL[:THREADS]]` or `gzip[:LEVEL]`.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let numbers = parts.dropFirst().map { Int($0) }
    guard !numbers.contains(where: { $0 == nil }) else { return nil }
    let values = numbers.compactMap(\.self)
    switch (parts.first, values.count) {
    case ("none", 0): self = .none
    case ("lz4", 0): self = .lz4
    case ("zstd", 0...2):
      let level = values.first ?? 3
      let threads = values.count > 1 ? values[1] : 1
      guard (1...19).contains(level), (1...64).contains(threads) else { return nil }
      self = .zstd(level: level, threads: threads)
    case ("gzip", 0...1):
      let level = values.first ?? 6
      guard (1...9).contains(level) else { return nil }
      self = .gzip(level: level)
    default: return nil
    }
  }
}

extension StreamFailure.Format {
  /// By the first bytes of a stream; `nil`: it is none of these.
  init?(prefix bytes: [UInt8]) {
    if bytes.starts(with: [0x04, 0x22, 0x4D, 0x18]) {
      self = .lz4
    } else if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if bytes.starts(with: [0x1F, 0x8B, 0x08]) {
      self = .gzip
    } else if bytes.starts(with: SealHeader.magic) {
      self = .encryption
    } else {
      return nil
    }
  }
}
