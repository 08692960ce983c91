/// What a shell over there is told to do: any shell of POSIX, with mktemp(1), head(1), chmod(1), rm(1).
///
/// It takes the program `restart` from standard input into a folder of its own, opens it, removes the
/// folder, and becomes it: nothing is left, whatever happens. Words go to standard output, each with
/// `RemoteReply.mark`; what the login shell says besides is passed over.
struct RemoteScript {
  /// Of the program `restart`.
  var byteCount: UInt64
  var ids: MigrationOrder.IDs

  /// Seconds without a byte.
  var patience: UInt64
  var output: String

  /// For `restart --map`.
  var map: [String] = []

  /// What the `ckpt` over there is for; `nil`: `restart` takes the image as it is, without it.
  var helper: Helper?

  /// The `ckpt` that is between the connection and `restart`.
  struct Helper {
    /// Of the one that is sent where none of this version is installed.
    var byteCount: UInt64
    var isAttached: Bool
    var endpoint: RelayOrder.Endpoint?
  }

  /// One word for any login shell: it has no single quote and no exclamation mark of its own.
  var command: String { "exec sh -c \(Self.quoted(text))" }

  /// Folders in which a file can be run, best first.
  private var text: String {
    """
    umask 077; d=; \
    for p in "${TMPDIR:-/tmp}" /var/tmp "${XDG_RUNTIME_DIR:-/run}" "$HOME"; do \
    d=$(mktemp -d "$p/ckpt.XXXXXXXXXX" 2>/dev/null) || { d=; continue; }; \
    trap "rm -rf \\"$d\\"" 0; trap "exit 1" 1 2 13 15; \
    echo : > "$d/restart" && chmod 700 "$d/restart" && "$d/restart" 2>/dev/null && break; \
    rm -rf "$d"; d=; done; \
    [ -n "$d" ] || { echo "ckpt: no folder to put a program in: set TMPDIR" >&2; exit 73; }; \
    echo "\(RemoteReply.mark)send"; \
    head -c \(byteCount) > "$d/restart" || exit 74; \
    [ "$(wc -c < "$d/restart")" -eq \(byteCount) ] || exit 74; \
    "$d/restart" --version > /dev/null || exit 69; \
    \(helper.map(fetching) ?? "")exec 8<&0 7>&1 0</dev/null 1>>\(Self.doubleQuoted(output)) \
    9<"$d/restart"\(helper == nil ? "" : " 6<\"$c\"") || exit 73; \
    echo "\(RemoteReply.mark)have" >&7; \
    trap - 0; rm -rf "$d"; \
    exec \(helper.map(serving) ?? "/proc/self/fd/9 --detach --staged=7 --from-descriptor=8 --idle=\(patience)\(idWord)\(mapWords)")
    """
  }

  private var idWord: String { ids.option.map { " " + $0 } ?? "" }

  /// Finds a `ckpt` that understands this one, or takes one; the folder has it then.
  ///
  /// What a program that can't run there lacks, the loader says.
  private func fetching(_ helper: Helper) -> String {
    """
    c=$(command -v ckpt) && [ "$("$c" far --protocol 2>/dev/null)" = \(RelayOrder.version) ] || { \
    c=$d/ckpt; echo "\(RemoteReply.mark)need"; \
    head -c \(helper.byteCount) > "$c" || exit 74; \
    [ "$(wc -c < "$c")" -eq \(helper.byteCount) ] || exit 74; \
    chmod 700 "$c" && "$c" far --protocol > /dev/null || { \
    echo "ckpt: the program ckpt does not run here; install ckpt, or do without it" >&2; exit 69; }; }; \

    """
  }

  private func serving(_ helper: Helper) -> String {
    var words = ["/proc/self/fd/6 far --restart /proc/self/fd/9"]
    words.append("--idle \(patience)\(idWord)\(mapWords)")
    if helper.isAttached { words.append("--attach") }
    if let endpoint = helper.endpoint {
      words.append("--port \(endpoint.port)")
      if let host = endpoint.host { words.append("--address \(Self.doubleQuoted(host))") }
    }
    return words.joined(separator: " ")
  }

  private var mapWords: String {
    map.map { " --map \(Self.doubleQuoted($0))" }.joined()
  }

  /// As one word of a shell.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  /// As one word within the script, nothing in it expanded.
  private static func doubleQuoted(_ text: String) -> String {
    var result = "\""
    for character in text {
      if "\\\"$`".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result + "\""
  }
}

/// What the other side says.
enum RemoteReply: Equatable {
  static let mark = "ckpt-migrate "

  /// The shell takes the program `restart` now; needs a `ckpt` too; has all.
  case send, need, have

  /// The image may come there.
  case at(host: String, port: UInt16)

  /// Everything is in place; the program runs; it does not and never has.
  case ready
  case runs(Int32)
  case failed

  /// `nil` for a line of somebody else's.
  init?(line: String) {
    guard line.hasPrefix(Self.mark) else { return nil }
    let words = line.dropFirst(Self.mark.count).split(separator: " ")
    switch (words.first, words.count) {
    case ("send", 1): self = .send
    case ("need", 1): self = .need
    case ("have", 1): self = .have
    case ("at", 3):
      guard let port = UInt16(words[2]), port > 0 else { return nil }
      self = .at(host: String(words[1]), port: port)
    case ("ready", 1): self = .ready
    case ("failed", 1): self = .failed
    case ("runs", 2):
      guard let pid = Int32(words[1]), pid > 0 else { return nil }
      self = .runs(pid)
    default: return nil
    }
  }
}
