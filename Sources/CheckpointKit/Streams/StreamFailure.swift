public import KernelABI

/// Why a stream did not get from one end to the other.
public enum StreamFailure: Error, Equatable, Sendable {
  /// A host that has no address.
  case unknownHost(String)
  case connect(String, Errno)
  case listen(String, Errno)
  case read(String, Errno)
  case write(String, Errno)

  /// Nothing moved for so many milliseconds.
  case stalled(String, milliseconds: Int)

  /// The memory for buffers can't be had.
  case memory(Errno)

  // What is in it.
  case endedEarly(Format)
  case damaged(Format)
  case trailing(Format)

  /// A network stream that isn't encrypted: anybody may have sent it.
  case notEncrypted

  /// An encrypted stream, and no key.
  case noKey

  /// The first chunk can't be opened.
  case wrongKey

  /// Another chunk can't be opened: it was changed, moved, or something is missing before the end.
  case tampered(chunk: UInt64)
  case unsupportedSeal

  /// The computer won't encrypt.
  case cipher

  // Keys.
  case key(String, Errno)
  case keyExposed(String, mode: UInt32)
  case keyMalformed(String)

  // Datagrams.
  case gap(missing: UInt64)

  /// A frame around the data.
  public enum Format: String, Equatable, Sendable {
    case lz4, zstd, gzip
    case encryption = "encrypted"
    case image

    /// What two commands say to each other during a migration.
    case link = "migration's"
  }
}
