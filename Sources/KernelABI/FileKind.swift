/// What a file is.
///
/// Source: inode(7), S_IFMT.
public enum FileKind: Sendable {
  case regular, directory, character, block, fifo, socket, link, other

  /// - Parameter mode: `st_mode`.
  public init(mode: UInt32) {
    switch mode & 0o170000 {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o020000: self = .character
    case 0o060000: self = .block
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    case 0o120000: self = .link
    default: self = .other
    }
  }
}
